package contacts

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Pseudonym is what a guest is called: made up, and never a value.
type Pseudonym struct {
	Name  string `json:"name"`  // Quiet Otter
	Email string `json:"email"` // quiet-otter-7f@guest.invalid
}

// PseudonymOf makes a guest's pseudonym. It stays the same for the guest's life;
// seed is the event that made the guest, so that whoever comes back after a
// guest's end of life is called something else.
func PseudonymOf(guestID string, seed int64) Pseudonym {
	var bytes [8]byte
	binary.BigEndian.PutUint64(bytes[:], uint64(seed))
	sum := sha256.Sum256(append([]byte(guestID), bytes[:]...))
	first := wordAt(manners, binary.BigEndian.Uint32(sum[0:]))
	second := wordAt(animals, binary.BigEndian.Uint32(sum[4:]))
	return Pseudonym{
		Name:  capital(first) + " " + capital(second),
		Email: fmt.Sprintf("%s-%s-%02x@%s", first, second, sum[8], PseudonymDomain),
	}
}

func wordAt(words string, n uint32) string {
	list := strings.Fields(words)
	return list[n%uint32(len(list))]
}

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// Words that nobody minds to be called by.
const manners = `able active agile airy alert amber ample apt aqua arctic autumn azure balmy
beaming bold brave breezy bright brisk bronze bubbly busy calm candid careful caring cheerful
cheery chief chilly civil classic clean clear clever coastal cobalt comfy composed content cool
copper coral cordial cosmic cosy crafty creative crimson crisp crystal curious dandy dapper daring
dashing dawning deft devoted diligent dreamy dynamic eager early earnest easy elegant emerald
endless even exact fair faithful famous fancy fearless festive fine firm fleet floral fluent fond
forest frank free fresh friendly frosty funny gallant generous gentle genuine giddy gifted glad
gleaming glowing golden good graceful gracious grand grateful great green handy happy hardy
harmonic hazel hearty helpful heroic hidden honest hopeful humble indigo inventive ivory jade jaunty
jazzy jolly jovial joyful joyous jubilant keen kind kindly lavender learned light likely lilac
lively loyal lucid lucky lunar magenta magic maple marine mellow merry mighty mild mindful minty
misty modest mossy musical neat nimble noble northern novel olive opal open orderly patient peaceful
pearly pensive peppy playful pleasant plucky plum poetic polar polite posh precise prime proud
prudent quaint quick quiet radiant rapid ready regal relaxed robust rosy royal ruby rural rustic
sage sandy sapphire savvy scarlet scenic serene shiny silent silky silver simple sincere skilful
sleek smart smiling smooth snowy social solar solid southern spirited spry stable starry steady
stellar sterling stoic sturdy subtle sunlit sunny superb supple swift tactful teal tender thankful
thrifty tidy timely tranquil trim true trusty upbeat urban valiant velvet verdant vibrant violet
vivid warm wavy western wise witty wondrous zany zesty zippy`

const animals = `adder albatross alpaca anchovy angelfish ant anteater antelope armadillo auk avocet
axolotl badger bandicoot barbet barracuda bat bear beaver bee beetle bison bittern blackbird bluebird
bluejay boar bobcat bonobo bream buffalo bulbul bullfinch bumblebee bunting bushbaby bustard
butterfly buzzard caiman camel canary capybara caracal cardinal caribou carp cassowary cat catfish
chaffinch chameleon chamois cheetah chickadee chicken chinchilla chipmunk chough cicada civet clam
coati cockatoo cod condor coral cormorant cougar coyote crab crane cricket crossbill crow cuckoo
curlew damselfly deer dingo dipper dolphin donkey dormouse dove dragonfly duck dugong dunlin dunnock
eagle echidna egret eider eland elephant elk emu ermine falcon ferret fieldfare finch firefly
flamingo flounder fox frog fulmar gannet gazelle gecko gerbil gibbon giraffe gnu goat goldcrest
goldfinch goose gopher goshawk grebe greenfinch grouse guillemot gull guppy haddock halibut hamster
hare harrier hawk hedgehog heron herring hippo hoopoe hornbill horse hummingbird ibex ibis iguana
impala jackal jackdaw jaguar jay jellyfish kangaroo kestrel kingfisher kite kittiwake kiwi koala koi
kudu ladybird lapwing lark lemming lemur leopard limpet linnet lion lizard llama lobster loon lorikeet
lynx macaw magpie mallard manatee mandrill marlin marmot marten martin meerkat merganser merlin mink
minnow mongoose moose moth mouflon mouse mule narwhal newt nightingale nuthatch ocelot octopus okapi
opossum orca oriole oryx osprey ostrich otter ouzel owl ox oyster panda pangolin panther parrot
partridge peacock pelican penguin perch peregrine petrel pheasant pigeon pika pike pintail pipit plover
pochard pony porcupine porpoise possum prawn ptarmigan puffin puma quail quetzal quokka rabbit raccoon
raven ray razorbill redpoll redshank redstart redwing reindeer rhea robin rook rosella salamander salmon
sandpiper sardine scallop scoter seal seahorse serval shearwater sheep shelduck shrew shrimp siskin
skua skylark sloth snail snipe sparrow spoonbill squid squirrel stag starfish starling stingray
stonechat stork sturgeon sunbird swallow swan swift tamarin tanager tapir tarsier teal tern terrapin
thrush tiger toad toucan treecreeper trout tuna turkey turnstone turtle urchin vicuna vole wagtail
wallaby walrus warbler waxwing weasel weaver whale wheatear whimbrel whitethroat wigeon wildcat wolf
wolverine wombat woodcock woodlark woodpecker wren wryneck yak yellowhammer zebra`
