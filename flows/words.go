package flows

import (
	"slices"
	"strings"
)

// words are the few that a question says by itself, by language.
type words struct{ language, skip, yes, no string }

func allWords() []words {
	return []words{
		{"en", "Skip", "Yes", "No"},
		{"de", "Überspringen", "Ja", "Nein"},
		{"fr", "Passer", "Oui", "Non"},
		{"es", "Omitir", "Sí", "No"},
		{"it", "Salta", "Sì", "No"},
		{"pt", "Pular", "Sim", "Não"},
		{"nl", "Overslaan", "Ja", "Nee"},
		{"pl", "Pomiń", "Tak", "Nie"},
		{"sv", "Hoppa över", "Ja", "Nej"},
		{"da", "Spring over", "Ja", "Nej"},
		{"nb", "Hopp over", "Ja", "Nei"},
		{"fi", "Ohita", "Kyllä", "Ei"},
		{"cs", "Přeskočit", "Ano", "Ne"},
		{"ro", "Omite", "Da", "Nu"},
		{"hu", "Kihagyás", "Igen", "Nem"},
		{"el", "Παράλειψη", "Ναι", "Όχι"},
		{"tr", "Atla", "Evet", "Hayır"},
		{"ru", "Пропустить", "Да", "Нет"},
		{"uk", "Пропустити", "Так", "Ні"},
		{"ar", "تخطي", "نعم", "لا"},
		{"he", "דלג", "כן", "לא"},
		{"hi", "छोड़ें", "हाँ", "नहीं"},
		{"id", "Lewati", "Ya", "Tidak"},
		{"vi", "Bỏ qua", "Có", "Không"},
		{"ja", "スキップ", "はい", "いいえ"},
		{"ko", "건너뛰기", "네", "아니요"},
		{"zh", "跳过", "是", "否"},
	}
}

// wordsOf are the words of a language tag; English where it is not known.
func wordsOf(tag string) words {
	all := allWords()
	if len(tag) >= 2 && (len(tag) == 2 || strings.ContainsRune("-_,;", rune(tag[2]))) {
		if i := slices.IndexFunc(all, func(w words) bool { return strings.EqualFold(w.language, tag[:2]) }); i >= 0 {
			return all[i]
		}
	}
	return all[0]
}

// saysSkip says whether the word for leaving a question out was said, in
// whatever language.
func saysSkip(said string) bool {
	said = strings.Trim(said, " .![]()")
	return slices.ContainsFunc(allWords(), func(w words) bool { return strings.EqualFold(w.skip, said) })
}
