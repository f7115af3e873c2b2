package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"usher/contacts"
)

// route is one row of the table below.
type route struct {
	method, path string
	// needs are the scopes of which a key must have one. None: no key is asked
	// for; a hook's channel verifies whoever calls, the rest is public.
	needs []scope
	// summary says in the documentation what it does; empty: not documented.
	summary string
	mount   mounter
	ops     bool // health and metrics
	status  int  // of success; 0: 200
	body    any  // a value of the body's type, for the documentation
	bare    bool // the body may be left out
	secret  bool // the answer holds a secret and is not kept for repetition
}

// mounter adds a route to an app.
type mounter func(*Server, *fiber.App, route)

// routes is every route there is.
func (s *Server) routes() []route {
	read, agent, admin := []scope{scopeRead}, []scope{scopeAgent}, []scope{scopeAdmin}
	bot, botOrAgent := []scope{scopeBot}, []scope{scopeBot, scopeAgent}
	return []route{
		// Webhooks in.
		{method: "GET", path: "/hooks/:type/:name/*", mount: plain(s.hook)},
		{method: "POST", path: "/hooks/:type/:name/*", mount: plain(s.hook)},
		{method: "OPTIONS", path: "/hooks/:type/:name/*", mount: plain(s.preflight)},
		{method: "GET", path: "/b/:business/hooks/:type/:name/*", mount: plain(s.hook)},
		{method: "POST", path: "/b/:business/hooks/:type/:name/*", mount: plain(s.hook)},
		{method: "OPTIONS", path: "/b/:business/hooks/:type/:name/*", mount: plain(s.preflight)},

		// Bots and forms that run beside a conversation.
		{method: "GET", path: "/v1/known", needs: bot, mount: typed(s.known), summary: "What is known of a person"},
		{method: "POST", path: "/v1/contacts/capture", needs: botOrAgent, mount: typed(s.capture), body: captureBody{}, summary: "Add details to a running conversation"},
		{method: "POST", path: "/v1/identify", needs: botOrAgent, mount: typed(s.identify), body: identifyBody{}, summary: "Say which customer a person is"},

		// People.
		{method: "GET", path: "/v1/contacts", needs: read, mount: typed(s.listContacts), summary: "List contacts"},
		{method: "POST", path: "/v1/contacts", needs: agent, mount: typed(s.createContact), status: http.StatusCreated, body: contactBody{}, summary: "Add a contact"},
		{method: "GET", path: "/v1/contacts.csv", needs: read, mount: typed(s.exportContacts(contacts.CSV, "text/csv; charset=utf-8")), summary: "Export contacts as CSV"},
		{method: "GET", path: "/v1/contacts.xlsx", needs: read, mount: typed(s.exportContacts(contacts.XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")), summary: "Export contacts as a spreadsheet"},
		{method: "GET", path: "/v1/contacts.ndjson", needs: read, mount: typed(s.exportContacts(contacts.NDJSON, "application/x-ndjson")), summary: "Export contacts, a JSON object a line"},
		{method: "GET", path: "/v1/contacts/counts", needs: read, mount: typed(s.countContacts), summary: "Count contacts by status, flow, type or channel"},
		{method: "GET", path: "/v1/contacts/{id}", needs: read, mount: typed(s.getContact), summary: "Read a contact"},
		{method: "PATCH", path: "/v1/contacts/{id}", needs: agent, mount: typed(s.patchContact), body: contactBody{}, summary: "Change a contact (JSON Merge Patch)"},
		{method: "DELETE", path: "/v1/contacts/{id}", needs: agent, mount: typed(s.archiveContact), status: http.StatusNoContent, summary: "Archive a contact"},
		{method: "POST", path: "/v1/contacts/{id}/restore", needs: agent, mount: typed(s.restoreContact), summary: "Bring an archived contact back"},
		{method: "POST", path: "/v1/contacts/{id}/erase", needs: admin, mount: typed(s.eraseContact), status: http.StatusAccepted, summary: "Forget a person for good"},
		{method: "GET", path: "/v1/erasures/{id}", needs: read, mount: typed(s.getErasure), summary: "See how far the forgetting of a person is"},
		{method: "POST", path: "/v1/contacts/{id}/block", needs: agent, mount: typed(s.blockContact), body: blockBody{}, bare: true, summary: "Keep what a contact writes from arriving, for a time or for ever"},
		{method: "PUT", path: "/v1/contacts/{id}/tags/{tag}", needs: agent, mount: typed(s.tagContact), status: http.StatusNoContent, summary: "Give a contact a tag; 201 when the tag is a new one"},
		{method: "DELETE", path: "/v1/contacts/{id}/tags/{tag}", needs: agent, mount: typed(s.untagContact), status: http.StatusNoContent, summary: "Take a tag off a contact"},
		{method: "GET", path: "/v1/contacts/{id}/notes", needs: read, mount: typed(s.listNotes), summary: "List the notes about a contact"},
		{method: "POST", path: "/v1/contacts/{id}/notes", needs: agent, mount: typed(s.addNote), status: http.StatusCreated, body: noteBody{}, summary: "Write a note about a contact"},
		{method: "GET", path: "/v1/contacts/{id}/history", needs: read, mount: typed(s.contactHistory), summary: "List what changed about a contact"},
		{method: "GET", path: "/v1/contacts/{id}/conversations", needs: read, mount: typed(s.contactConversations), summary: "List a contact's conversations"},
		{method: "GET", path: "/v1/guests", needs: read, mount: typed(s.findGuest), summary: "Find the guest of a channel"},
		{method: "GET", path: "/v1/guests/{id}", needs: read, mount: typed(s.getGuest), summary: "Read a guest"},
		{method: "GET", path: "/v1/conversations", needs: read, mount: typed(s.listConversations), summary: "List conversations of contacts, and those of guests that people are to answer"},
		{method: "GET", path: "/v1/conversations/{id}", needs: read, mount: typed(s.getConversation), summary: "Read a conversation"},
		{method: "GET", path: "/v1/conversations/{id}/messages", needs: read, mount: typed(s.listMessages), summary: "Read what was said"},
		{method: "GET", path: "/v1/conversations/{id}/trace", needs: read, mount: typed(s.conversationTrace), summary: "Read what came of each event of a conversation"},
		{method: "POST", path: "/v1/conversations/{id}/messages", needs: agent, mount: typed(s.writeMessage), status: http.StatusCreated, body: writtenMessage{}, summary: "Answer as an agent, or leave a note for agents"},
		{method: "POST", path: "/v1/conversations/{id}/take", needs: agent, mount: typed(s.takeConversation), body: takeBody{}, bare: true, summary: "Answer it from now on"},
		{method: "POST", path: "/v1/conversations/{id}/release", needs: agent, mount: typed(s.releaseConversation), summary: "Give it back to the flow"},
		{method: "POST", path: "/v1/conversations/{id}/close", needs: agent, mount: typed(s.closeConversation), summary: "It is done; what the person writes next begins anew"},
		{method: "POST", path: "/v1/conversations/{id}/reopen", needs: agent, mount: typed(s.reopenConversation), summary: "Take a closed one up again"},
		{method: "POST", path: "/v1/messages/{id}/retry", needs: agent, mount: typed(s.retryMessage), status: http.StatusAccepted, summary: "Send a failed message again"},

		// What came in and what goes out.
		{method: "GET", path: "/v1/events", needs: read, mount: typed(s.listEvents), summary: "List accepted events"},
		{method: "GET", path: "/v1/events/{id}", needs: read, mount: typed(s.getEvent), summary: "Read an event and what came of it"},
		{method: "GET", path: "/v1/events/{id}/body", needs: admin, mount: typed(s.eventBody), summary: "Read an event as the platform sent it"},
		{method: "POST", path: "/v1/events/{id}/replay", needs: agent, mount: typed(s.replayEvent), status: http.StatusAccepted, summary: "Run an event now"},
		{method: "GET", path: "/v1/deliveries", needs: read, mount: typed(s.listDeliveries), summary: "List deliveries to destinations"},
		{method: "GET", path: "/v1/deliveries/{id}", needs: read, mount: typed(s.getDelivery), summary: "Read a delivery with its attempts"},
		{method: "POST", path: "/v1/deliveries/{id}/replay", needs: agent, mount: typed(s.replayDelivery), status: http.StatusAccepted, body: replayBody{}, bare: true, summary: "Deliver again under the same lead key"},
		{method: "POST", path: "/v1/destinations/{id}/enable", needs: admin, mount: typed(s.enableDestination), summary: "Bring a disabled destination back"},

		// Flows.
		{method: "GET", path: "/v1/flows", needs: read, mount: typed(s.listFlows), summary: "List flows"},
		{method: "POST", path: "/v1/flows", needs: admin, mount: typed(s.createFlow), status: http.StatusCreated, body: flowDocument{}, summary: "Make a flow of a document, JSON or YAML; it runs once it is published"},
		{method: "GET", path: "/v1/flows/{id}", needs: read, mount: typed(s.getFlow), summary: "Read a flow with its draft"},
		{method: "PUT", path: "/v1/flows/{id}", needs: admin, mount: typed(s.putFlow), body: flowDocument{}, summary: "Save a new draft, JSON or YAML"},
		{method: "GET", path: "/v1/flows/{id}/versions", needs: read, mount: typed(s.listFlowVersions), summary: "List a flow's versions, the newest first"},
		{method: "GET", path: "/v1/flows/{id}/versions/{version}", needs: read, mount: typed(s.getFlowVersion), summary: "Read a version of a flow"},
		{method: "GET", path: "/v1/flows/{id}/diff", needs: read, mount: typed(s.diffFlow), summary: "Compare two versions of a flow"},
		{method: "POST", path: "/v1/flows/{id}/try", needs: admin, mount: typed(s.tryFlow), body: tryFlowBody{}, summary: "Talk to a flow; nothing is kept or sent"},
		{method: "POST", path: "/v1/flows/{id}/publish", needs: admin, mount: typed(s.publishFlow), body: publishBody{}, bare: true, summary: "Give new runs a version, an older one too"},

		// Settings.
		{method: "GET", path: "/v1/fields", needs: read, mount: typed(s.listFields), summary: "List contact fields"},
		{method: "POST", path: "/v1/fields", needs: admin, mount: typed(s.createField), status: http.StatusCreated, body: fieldBody{}, summary: "Add a contact field"},
		{method: "GET", path: "/v1/tags", needs: read, mount: typed(s.listTags), summary: "List tags"},
		{method: "POST", path: "/v1/tags", needs: agent, mount: typed(s.createTag), status: http.StatusCreated, body: tagBody{}, summary: "Add a tag"},
		{method: "GET", path: "/v1/agents", needs: read, mount: typed(s.listAgents), summary: "List agents"},
		{method: "POST", path: "/v1/agents", needs: admin, mount: typed(s.createAgent), status: http.StatusCreated, body: agentBody{}, summary: "Add an agent"},
		{method: "GET", path: "/v1/agents/{id}", needs: read, mount: typed(s.getAgent), summary: "Read an agent"},
		{method: "PATCH", path: "/v1/agents/{id}", needs: agent, mount: typed(s.patchAgent), body: agentBody{}, summary: "Change an agent (JSON Merge Patch)"},
		{method: "DELETE", path: "/v1/agents/{id}", needs: admin, mount: typed(s.deleteAgent), status: http.StatusNoContent, summary: "Remove an agent; phone and e-mail become free"},
		{method: "GET", path: "/v1/teams", needs: read, mount: typed(s.listTeams), summary: "List teams"},
		{method: "POST", path: "/v1/teams", needs: admin, mount: typed(s.createTeam), status: http.StatusCreated, body: teamBody{}, summary: "Add a team"},
		{method: "GET", path: "/v1/teams/{id}", needs: read, mount: typed(s.getTeam), summary: "Read a team"},
		{method: "PATCH", path: "/v1/teams/{id}", needs: admin, mount: typed(s.patchTeam), body: teamBody{}, summary: "Change a team (JSON Merge Patch)"},
		{method: "DELETE", path: "/v1/teams/{id}", needs: admin, mount: typed(s.deleteTeam), status: http.StatusNoContent, summary: "Remove a team"},
		{method: "GET", path: "/v1/keys", needs: admin, mount: typed(s.listKeys), summary: "List API keys"},
		{method: "POST", path: "/v1/keys", needs: admin, mount: typed(s.createKey), status: http.StatusCreated, body: keyBody{}, secret: true, summary: "Make an API key; it is shown only in this answer"},
		{method: "DELETE", path: "/v1/keys/{id}", needs: admin, mount: typed(s.revokeKey), status: http.StatusNoContent, summary: "Revoke an API key"},
		{method: "GET", path: "/v1/me", needs: []scope{scopeRead, scopeBot}, mount: typed(s.me), summary: "Whose key this is and what it may do"},

		// Pages.
		{method: "GET", path: "/", mount: plain(s.tryIndex)},
		{method: "GET", path: "/try.json", mount: plain(s.tryState)},
		{method: "GET", path: "/openapi.json", mount: plain(s.openAPI)},
		{method: "GET", path: "/docs", mount: plain(s.docs)},
		{method: "GET", path: "/static/*", mount: plain(s.static)},
		{method: "GET", path: "/webchat.js", mount: plain(s.widget)},

		// For operators' machines.
		{method: "GET", path: "/healthz", ops: true, mount: plain(s.healthy)},
		{method: "GET", path: "/readyz", ops: true, mount: plain(s.ready)},
		{method: "GET", path: "/metrics", ops: true, mount: plain(s.metrics.serve())},
	}
}

// plain mounts a Fiber handler.
func plain(h fiber.Handler) mounter {
	return func(_ *Server, app *fiber.App, r route) {
		if r.method == http.MethodGet {
			app.Get(r.path, h) // HEAD too
			return
		}
		app.Add(r.method, r.path, h)
	}
}

// typed mounts an operation of the API: huma reads the parameters that I names,
// documents both and writes O.
func typed[I, O any](h func(context.Context, *I) (*O, error)) mounter {
	return func(s *Server, _ *fiber.App, r route) {
		op := s.operation(r)
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := h(ctx, in)
			if err != nil {
				p := problemOf(err)
				s.note(op.Method, op.Path, p, err)
				return nil, p
			}
			return out, nil
		})
		s.documentBody(op, r)
	}
}
