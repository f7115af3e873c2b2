package contacts

import (
	"slices"
	"strconv"
	"strings"
)

// months are the names of the twelve by language, also as they stand in a date.
func months() []struct{ language, names string } {
	return []struct{ language, names string }{
		{"en", "january february march april may june july august september october november december"},
		{"de", "januar februar märz april mai juni juli august september oktober november dezember"},
		{"fr", "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"},
		{"es", "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"},
		{"it", "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"},
		{"pt", "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"},
		{"nl", "januari februari maart april mei juni juli augustus september oktober november december"},
		// A cut name is looked for only above: below, three letters are a month of
		// another language too often.
		{"de", "jänner feber maerz april mai juni juli august september oktober november dezember"},
		{"sv", "januari februari mars april maj juni juli augusti september oktober november december"},
		{"da", "januar februar marts april maj juni juli august september oktober november december"},
		{"nb", "januar februar mars april mai juni juli august september oktober november desember"},
		{"fi", "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta"},
		{"pl", "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"},
		{"cs", "ledna února března dubna května června července srpna září října listopadu prosince"},
		{"sk", "januára februára marca apríla mája júna júla augusta septembra októbra novembra decembra"},
		{"hr", "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca"},
		{"ru", "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"},
		{"uk", "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня"},
		{"tr", "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık"},
		{"ro", "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie"},
		{"hu", "január február március április május június július augusztus szeptember október november december"},
		{"el", "ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου"},
		{"id", "januari februari maret april mei juni juli agustus september oktober november desember"},
	}
}

// mainTongues is how many of months may be cut.
const mainTongues = 7

// monthNamed is the number of a month by its name, in the person's language if
// it is one there, else in any: whole, or cut after three letters or more. Empty
// if it is none or could be two: jui is juin or juillet, listopada October in
// Croatian and November in Polish.
func monthNamed(name, language string) string {
	if len([]rune(name)) < 3 {
		return ""
	}
	var own, whole, cut []int
	for i, line := range months() {
		for m, month := range strings.Fields(line.names) {
			if !strings.HasPrefix(month, name) {
				continue
			}
			if line.language == language && (month == name || i < mainTongues) {
				own = append(own, m+1)
			}
			if month == name {
				whole = append(whole, m+1)
			} else if i < mainTongues {
				cut = append(cut, m+1)
			}
		}
	}
	for _, found := range [][]int{own, whole, cut} {
		if len(found) == 0 {
			continue
		}
		if slices.Min(found) != slices.Max(found) {
			return ""
		}
		return strconv.Itoa(found[0])
	}
	return ""
}

// leadsToDate says that a word before a date changes nothing about it.
func leadsToDate(word string) bool {
	switch word {
	case "on", "the", "it's", "it’s", "its", "it", "is", "my", "birthday", "date", "born", "am", "den", "der", "le", "el", "il", "op", "em", "dia", "día", "ist", "est", "es", "du":
		return true
	case "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun",
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
		"mo", "di", "mi", "do", "fr", "sa", "so", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonnabend", "sonntag",
		"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
		"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo",
		"lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica",
		"segunda", "terça", "quarta", "quinta", "sexta", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira",
		"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag",
		"måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag", "mandag", "tirsdag", "lørdag", "søndag",
		"poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela",
		"понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье":
		return true
	default:
		return false
	}
}
