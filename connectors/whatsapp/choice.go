package whatsapp

import "usher/connectors"

func readButton(c *cursor, e *connectors.Event) string {
	r := connectors.Choice{Type: "button"}
	for key := range c.members {
		switch key {
		case "payload":
			r.ID = c.scalar()
		case "text":
			r.Title = c.text()
		}
	}
	return chosen(e, r)
}

func chosen(e *connectors.Event, r connectors.Choice) string {
	if r.ID == "" && r.Title == "" {
		return "without the button chosen"
	}
	e.Reply, e.Text = &r, r.Title
	return ""
}

func readInteractive(c *cursor, e *connectors.Event) string {
	var kind string
	var button, list, form span
	for key := range c.members {
		switch key {
		case "type":
			kind = c.text()
		case "button_reply":
			button = c.value()
		case "list_reply":
			list = c.value()
		case "nfm_reply":
			form = c.value()
		}
	}
	r := connectors.Choice{Type: "button"}
	at := button
	switch kind {
	case "button_reply":
	case "list_reply":
		r.Type, at = "list", list
	case "nfm_reply":
		e.Kind = connectors.KindForm
		r.Type, at = "flow", form
	case "":
		return "without type of interactive"
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, "interactive/"+kind
		return ""
	}
	if at == (span{}) {
		return "without " + kind
	}
	c.jump(at, kind)
	var answers, body string
	for key := range c.members {
		switch key {
		case "id":
			r.ID = c.scalar()
		case "title":
			r.Title = c.text()
		case "description":
			r.Description = c.text()
		case "name":
			r.Name = c.text()
		case "body":
			body = c.text()
		case "response_json":
			answers = c.text()
		}
	}
	if kind != "nfm_reply" {
		return chosen(e, r)
	}
	r.Data = readAnswers(answers)
	e.Reply, e.Text = &r, body
	return ""
}

// readAnswers reads the answers to a form, which come as JSON in a string; nil
// if that is no object.
func readAnswers(text string) map[string]any {
	answers, err := connectors.ReadJSON([]byte(text))
	if err != nil { // also nested too deeply
		return nil
	}
	return answers.Object()
}
