package main

import (
	"usher/connectors"
	"usher/connectors/bot"
	"usher/connectors/botpress"
	dialogflowcx "usher/connectors/dialogflow_cx"
	dialogflowes "usher/connectors/dialogflow_es"
	"usher/connectors/generic"
	"usher/connectors/instagram"
	"usher/connectors/line"
	"usher/connectors/messenger"
	"usher/connectors/rasa"
	"usher/connectors/slack"
	"usher/connectors/telegram"
	"usher/connectors/twilio"
	"usher/connectors/typebot"
	"usher/connectors/viber"
	"usher/connectors/webchat"
	"usher/connectors/whatsapp"
	"usher/crm"
	"usher/crm/hubspot"
	"usher/crm/sink"
	"usher/crm/webhook"
)

// channelTypes are the channels that usher speaks. A new one is a folder under
// connectors and a line here.
func channelTypes() map[string]connectors.Factory {
	return map[string]connectors.Factory{
		"bot":           bot.New,
		"botpress":      botpress.New,
		"dialogflow_cx": dialogflowcx.New,
		"dialogflow_es": dialogflowes.New,
		"generic":       generic.New,
		"instagram":     instagram.New,
		"line":          line.New,
		"messenger":     messenger.New,
		"rasa":          rasa.New,
		"slack":         slack.New,
		"telegram":      telegram.New,
		"twilio":        twilio.New,
		"typebot":       typebot.New,
		"viber":         viber.New,
		"webchat":       webchat.New,
		"whatsapp":      whatsapp.New,
	}
}

// crmTypes are the CRMs that usher delivers to. A new one is a folder under crm
// and a line here.
func crmTypes() map[string]crm.Factory {
	return map[string]crm.Factory{
		"hubspot": hubspot.New,
		"sink":    sink.New,
		"webhook": webhook.New,
	}
}
