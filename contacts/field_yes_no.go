package contacts

import (
	"encoding/json"
	"strings"
)

func parseYesNo(v any, _ Locale) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case float64, int, int64, json.Number:
	case string:
	default:
		return nil, &Invalid{CodeType, "want yes or no"}
	}
	s, err := textOf(v)
	if err != nil {
		return nil, err
	}
	return ParseYesNo(s)
}

// ParseYesNo reads a yes or no in the languages that people answer in: the word
// alone, said twice, or with the courtesies that go with it.
func ParseYesNo(s string) (bool, error) {
	words := strings.FieldsFunc(strings.ToLower(clean(plain(s))), func(r rune) bool { return strings.ContainsRune(" .!,;¡。！，、\n\t", r) })
	if len(words) == 0 {
		return false, ErrBlank
	}
	if len(words) == 2 && words[0] == words[1] {
		words = words[:1]
	}
	said := strings.Join(words, " ")
	if yes, ok := yesOrNo(said); ok {
		return yes, nil
	}
	if first, rest, more := strings.Cut(said, " "); more {
		if yes, ok := yesOrNo(first); ok && isCourtesy(rest, yes) {
			return yes, nil
		}
	}
	return false, &Invalid{CodeInvalid, "want yes or no"}
}

func yesOrNo(said string) (yes, ok bool) {
	switch said {
	case "yes", "y", "yeah", "yea", "yep", "yup", "sure", "of course", "certainly", "absolutely", "definitely", "ok", "okay", "true", "t", "on", "1",
		"oui", "ouais", "bien sûr", "d'accord", "d’accord", "ja", "jawohl", "klar", "gerne", "gern", "natürlich", "sicher", "sí", "si", "claro", "claro que sí",
		"por supuesto", "vale", "sì", "certo", "va bene", "s", "j", "sim", "com certeza", "tak", "jasne", "da", "да", "конечно", "так", "evet", "tamam", "joo", "juu",
		"kyllä", "ano", "áno", "igen", "ναι", "jā", "taip", "jah",
		"نعم", "اجل", "أجل", "हाँ", "हां", "जी हाँ", "はい", "是", "是的", "好", "好的", "对", "對", "네", "예", "응", "ya", "iya", "có", "vâng", "ใช่", "ครับ", "ค่ะ", "כן", "بله", "ہاں", "ndiyo",
		"👍", "✅", "✓", "✔", "☑", "👌":
		return true, true
	case "no", "n", "nope", "nah", "not really", "no way", "never", "false", "f", "off", "0",
		"non", "nein", "nö", "nee", "nei", "nej", "não", "nao", "nie", "nu", "нет", "ні", "не", "hayır", "hayir", "yok", "ei", "ne", "nem", "όχι", "nē",
		"لا", "नहीं", "いいえ", "否", "不", "不是", "不要", "아니요", "아니오", "아니", "tidak", "nggak", "không", "ไม่", "ไม่ใช่", "לא", "نه", "خیر", "نہیں", "hapana",
		"👎", "❌", "✗", "✖":
		return false, true
	default:
		return false, false
	}
}

// isCourtesy says that words after a yes or no add nothing to it.
func isCourtesy(words string, afterYes bool) bool {
	switch words {
	case "i do", "i am", "i have", "it is", "i would":
		return afterYes
	case "i don't", "i don’t", "i do not", "i'm not", "i am not", "i haven't", "it isn't", "it is not":
		return !afterYes
	case "please", "thanks", "thank you", "thx", "of course", "sure",
		"bitte", "danke", "gerne", "gern", "natürlich", "klar", "merci", "s'il vous plaît", "s'il te plaît", "bien sûr", "gracias", "por favor", "claro",
		"grazie", "per favore", "certo", "obrigado", "obrigada", "por supuesto", "dank je", "dank u", "graag", "dziękuję", "proszę", "спасибо", "пожалуйста",
		"конечно", "дякую", "teşekkürler", "lütfen", "tack", "tak", "takk", "kiitos", "mulțumesc", "díky", "děkuji":
		return true
	default:
		return false
	}
}
