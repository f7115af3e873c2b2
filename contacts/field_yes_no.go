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

// ParseYesNo reads a yes or no in the languages that people answer in.
func ParseYesNo(s string) (bool, error) {
	s = strings.ToLower(clean(plain(s)))
	s = strings.Join(strings.Fields(strings.Trim(s, " .!,;")), " ")
	switch strings.ReplaceAll(s, ",", "") {
	case "":
		return false, ErrBlank
	case "yes", "y", "yeah", "yep", "yup", "yes please", "sure", "of course", "ok", "okay", "true", "t", "on", "1",
		"oui", "ja", "jawohl", "sí", "si", "sì", "sim", "tak", "da", "да", "evet", "joo", "kyllä", "ano", "áno", "igen", "ναι",
		"نعم", "हाँ", "हां", "はい", "是", "是的", "对", "네", "예", "ya", "có", "ใช่", "כן", "👍", "✅", "✓", "✔":
		return true, nil
	case "no", "n", "nope", "nah", "no thanks", "no thank you", "false", "f", "off", "0",
		"non", "nein", "nee", "nei", "nej", "não", "nao", "nie", "nu", "нет", "ні", "hayır", "hayir", "ei", "ne", "nem", "όχι",
		"لا", "नहीं", "いいえ", "否", "不", "不是", "아니요", "아니오", "tidak", "không", "ไม่", "לא", "👎", "❌":
		return false, nil
	default:
		return false, &Invalid{CodeInvalid, "want yes or no"}
	}
}
