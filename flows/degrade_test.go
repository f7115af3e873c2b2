package flows

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// Choices that a channel cannot show become numbered text, and the question
// still knows them: the number, the title and the value are all an answer.
func TestChoicesDegrade(t *testing.T) {
	t.Parallel()
	for _, channel := range connectors.ChannelTypes() {
		for _, choices := range []int{2, 10, 11, 30} {
			var listed []string
			for i := range choices {
				listed = append(listed, fmt.Sprintf("{title: Option %c%d, value: v%d}", 'A'+i%26, i, i))
			}
			doc := "id: f\nsteps:\n  - {id: one, ask: Which one, choices: [" + strings.Join(listed, ", ") + "]}\n"
			for _, said := range []string{strconv.Itoa(choices), fmt.Sprintf("%d.", choices), fmt.Sprintf(" option %c%d", 'a'+(choices-1)%26, choices-1), fmt.Sprintf("v%d", choices-1)} {
				turn := testTurn(connectors.Event{})
				turn.ChannelID, turn.Channel = channel+"/a", connectors.CapabilitiesOf(channel)
				trial, err := NewTrial(mustParse(t, doc), nil, nil, turn)
				require.NoError(t, err)
				asked, err := trial.Say("Hi")
				require.NoError(t, err)
				last := asked.Messages[len(asked.Messages)-1]
				if len(last.Buttons) == 0 {
					require.Contains(t, last.Text, fmt.Sprintf("\n%d. Option", choices), channel)
				} else {
					require.Len(t, last.Buttons, choices, channel)
				}
				_, err = trial.Say(said)
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("v%d", choices-1), trial.Variables()["one"], "%s, %d choices, said %q", channel, choices, said)
			}
		}
	}
}
