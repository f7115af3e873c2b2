package flows

import "maps"

// What each kind of step takes, besides what every step does.

func saySchema(vocabulary) schema {
	said := mapping(schema{
		"text": anyText(), "image": anyText(), "video": anyText(), "audio": anyText(), "file": anyText(),
		"buttons":      explained(choices(maxOffered), "To tap; nothing waits for it."),
		"link_preview": schema{"type": "boolean"},
	})
	one := anyOf(anyText(), said)
	return schema{"say": explained(anyOf(anyText(), said, schema{"type": "array", "minItems": 1, "maxItems": maxSaid, "items": one}),
		"What is said: a text, or one with an image, video, audio, file or buttons; or several.")}
}

func askSchema(w vocabulary) schema {
	s := w.question()
	s["ask"] = textFor("A question; the run waits for the answer.")
	s["attempts"], s["skip_if_known"] = attempts(), skipIfKnown()
	return s
}

func formSchema(w vocabulary) schema {
	field := w.question()
	maps.Copy(field, schema{
		"id":       explained(matching(stepID.String()), "Names the answer: vars.<form>.<id>."),
		"label":    textFor("Above the field."),
		"ask":      textFor("The question where fields are asked one by one."),
		"required": schema{"type": "boolean"},
	})
	return schema{
		"form": explained(mapping(schema{
			"title":  textFor("Above the form."),
			"fields": schema{"type": "array", "minItems": 1, "maxItems": maxFormFields, "items": mapping(field)},
		}, "fields"), "Several questions at once; known ones are left out."),
		"invalid": textFor("Said after a wrong answer."), "attempts": attempts(), "skip_if_known": skipIfKnown(),
	}
}

func routeSchema(vocabulary) schema {
	rule := mapping(schema{"when": conditionFor("Left out: always."), "go": placeFor("Where to.")}, "go")
	return schema{"route": schema{"type": "array", "minItems": 1, "maxItems": maxRules, "items": rule,
		"description": "The first rule that holds says where to go; none: the next step."}}
}

func setSchema(w vocabulary) schema {
	value := schema{"type": []string{"string", "number", "boolean", "null"}}
	keys := schema{
		"status":      explained(schema{"enum": append([]any{"none", nil}, anys(Statuses())...)}, "Of the contact."),
		"add_tags":    oneOrMore(anyText()),
		"remove_tags": oneOrMore(anyText()),
		"note":        explained(oneOrMore(anyText()), "For agents; never shown to the visitor."),
		"assignee":    explained(value, "An agent's id or e-mail; nothing clears it."),
		"assignee_id": explained(value, "As assignee."),
	}
	for _, f := range w.fields.All() {
		if f.Settable {
			keys[f.Name] = explained(value, f.Title)
		}
	}
	s := mapping(keys)
	s["minProperties"] = 1
	s["patternProperties"] = schema{`^vars\.[A-Za-z][A-Za-z0-9_-]*$`: value}
	s["additionalProperties"] = value // custom fields
	s["description"] = "Contact fields, status, tags, a note, variables; null clears."
	return schema{"set": s}
}

func pushSchema(vocabulary) schema {
	return schema{"push": explained(oneOrMore(anyText()), "Send the contact to CRMs now: all, or ids of destinations.")}
}

func runSchema(vocabulary) schema {
	return schema{"run": explained(matching(flowID.String()), "Another flow, then back.")}
}

func consentSchema(vocabulary) schema {
	return schema{
		"consent": explained(anyOf(schema{"const": true}, schema{"type": "string"}), "Asks once whether answers may be kept; true: with the usual words."),
		"invalid": textFor("Said after neither yes nor no."), "attempts": attempts(), "skip_if_known": skipIfKnown(),
	}
}

func callSchema(vocabulary) schema {
	pointers := schema{"type": "object", "minProperties": 1, "maxProperties": maxSaves,
		"additionalProperties": matching("^(/.*)?$"), "description": "Contact fields and vars.<name>, each with the JSON pointer of its value."}
	return schema{"call": explained(mapping(schema{
		"method":  anyOf(schema{"enum": []string{"GET", "POST", "PUT", "PATCH", "DELETE"}}, matching("^[a-z]{3,6}$")),
		"url":     textFor("With a fixed host; values in it are percent-encoded."),
		"headers": headersSchema(),
		"body":    schema{"description": "Keys with values are sent as JSON, a text as it is."},
		"save":    pointers,
		"timeout": spanFor("How long to wait for the answer."),
		"retry":   schema{"type": "integer", "minimum": 0, "maximum": maxRetries},
	}, "url"), "Asks another service; the run waits for its answer.")}
}

func headersSchema() schema { return schema{"type": "object", "additionalProperties": anyText()} }

func waitSchema(vocabulary) schema {
	return schema{"wait": spanFor("Goes on after a while; a message before that leads to otherwise, if there is one.")}
}

func handoverSchema(vocabulary) schema {
	return schema{"handover": explained(mapping(schema{
		"team":  textFor("Who is asked; left out: anybody."),
		"agent": textFor("An agent's id or e-mail, instead of a team."),
		"wait":  spanFor("How long the visitor waits for somebody; 2m unless said."),
		"say": explained(mapping(schema{
			"success":  textFor("Somebody is there."),
			"nobody":   textFor("Nobody is available, or came in time."),
			"closed":   textFor("Out of business hours."),
			"disabled": textFor("Handover is switched off."),
		}), "What the visitor is told."),
	}), "Asks for a person; go: given back, otherwise: nobody in time, closed or off.")}
}

func botSchema(vocabulary) schema {
	return schema{"bot": explained(mapping(schema{
		"url":     textFor("Where turns are posted to; with a fixed host."),
		"wire":    explained(schema{"enum": []string{"usher", "rasa"}}, "How turns are written; usher unless said."),
		"token":   textFor("Sent as bearer, usually {{ secret.name }}."),
		"timeout": spanFor("How long to wait for the answer."),
	}, "url"), "An external bot talks to the visitor; go: it has ended, otherwise: it failed or asked for a person.")}
}

func anys(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}
