package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
)

const (
	keySecurity = "key"
	description = "Keys are sent as `Authorization: Bearer <key>`; a key belongs to one business and has scopes: " +
		"admin may all, agent may also read, bot asks for what is known and adds to it. Errors are RFC 9457 problems. " +
		"A POST with an `Idempotency-Key` is run once in 24 hours. Lists give `next_cursor`; send it as `cursor` for the next page."
)

// unwrap is the request below huma's.
func unwrap(ctx huma.Context) *fiber.Ctx { return humafiber.UnwrapV2(ctx) }

// newAPI sets huma up: no pages of its own, no schema links in answers, no
// parameter that it does not know, our problems.
func (s *Server) newAPI() huma.API {
	config := huma.DefaultConfig("usher", s.version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{ownProblems}
	config.Info.Description = description
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		keySecurity: {Type: "http", Scheme: "bearer", Description: "An API key"},
	}
	if s.publicURL != "" {
		config.Servers = []*huma.Server{{URL: s.publicURL}}
	}
	api := humafiber.NewV2(s.app, config)
	api.UseMiddleware(s.authenticate, s.repeatable)
	return api
}

// operation describes a route to huma.
func (s *Server) operation(r route) huma.Operation {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	problems := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	tag, _, _ := strings.Cut(strings.Split(r.path, "/")[2], ".")
	op := huma.Operation{
		Method: r.method, Path: r.path, Summary: r.summary,
		OperationID:   operationID(r),
		Tags:          []string{tag},
		DefaultStatus: status,
		// Bodies are read by decode, which tells every fault at once.
		SkipValidateBody: true,
		Security:         []map[string][]string{{keySecurity: {}}},
		Description:      "Scope: " + orList(r.needs) + ".",
		Metadata:         map[string]any{needs: r.needs, secret: r.secret},
		Responses: map[string]*huma.Response{
			strconv.Itoa(status): {Description: http.StatusText(status)},
			"default":            {Description: "A problem", Content: map[string]*huma.MediaType{problemType: {Schema: problems}}},
		},
	}
	if r.body != nil {
		op.RequestBody = &huma.RequestBody{}
	}
	if r.method == http.MethodPost {
		op.Parameters = []*huma.Param{{
			Name: idempotencyHeader, In: "header", Description: "Makes the request safe to repeat for 24 hours",
			Schema: &huma.Schema{Type: huma.TypeString},
		}}
	}
	return op
}

// operationID is list-contacts, get-contact … made of method and path.
func operationID(r route) string {
	words := []string{strings.ToLower(r.method)}
	for _, part := range strings.Split(strings.TrimPrefix(r.path, "/v1/"), "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			part = "by-" + strings.TrimSuffix(name, "}")
		}
		words = append(words, part)
	}
	return strings.Join(words, "-")
}

// documentBody says what a body looks like; huma itself gets it raw.
func (s *Server) documentBody(op huma.Operation, r route) {
	if r.body == nil {
		return
	}
	op.RequestBody.Required = !r.bare
	t := reflect.TypeOf(r.body)
	media := "application/json"
	if r.method == http.MethodPatch {
		media = "application/merge-patch+json"
	}
	op.RequestBody.Content = map[string]*huma.MediaType{
		media: {Schema: s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())},
	}
}

// describe writes the OpenAPI document when it is first asked for.
func (s *Server) describe() {
	// huma registers its own model of errors, which no answer has.
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	s.spec = sync.OnceValues(func() ([]byte, error) { return json.Marshal(s.api.OpenAPI()) })
}

func (s *Server) openAPI(c *fiber.Ctx) error {
	spec, err := s.spec()
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(spec)
}
