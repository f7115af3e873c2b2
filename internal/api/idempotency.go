package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"usher/contacts/sqlstore"
)

const (
	idempotencyHeader = "Idempotency-Key"
	// idempotencyLimit is in bytes; a UUID has 36.
	idempotencyLimit = 255
	// secret is where an operation's metadata says that its answer is not kept.
	secret = "usher.secret"
)

// repeatable runs a POST with an Idempotency-Key once: asked again, the first
// answer is given again. One that failed had no effect and may be tried again.
func (s *Server) repeatable(ctx huma.Context, next func(huma.Context)) {
	name := ctx.Header(idempotencyHeader)
	unkept, _ := ctx.Operation().Metadata[secret].(bool)
	if name == "" || unkept || ctx.Method() != http.MethodPost {
		next(ctx)
		return
	}
	if len(name) > idempotencyLimit {
		s.refuse(ctx, invalid(fault{Field: idempotencyHeader, Code: "too_long", Detail: "want at most 255 bytes"}))
		return
	}
	c := unwrap(ctx)
	who := callerOf(ctx.Context())
	// As digests: any bytes fit, and an answer is whoever's key asked for it.
	name = digest(who.ID, name)
	hash := sha256.Sum256([]byte(digest(c.Method(), c.OriginalURL(), string(c.Request().Body()))))
	var kept *sqlstore.Answer
	err := s.write(ctx.Context(), func(st *sqlstore.Store) (err error) {
		kept, err = st.Reserve(who.Business, name, hash[:])
		return err
	})
	switch {
	case errors.Is(err, sqlstore.ErrOtherRequest):
		s.refuse(ctx, invalid(fault{Field: idempotencyHeader, Code: codeTaken, Detail: "was used for another request"}))
	case errors.Is(err, sqlstore.ErrRunning):
		s.refuse(ctx, newProblem(http.StatusConflict, "the same request is running",
			fault{Field: idempotencyHeader, Code: codeState}).with("Retry-After", retryAfter))
	case err != nil:
		s.refuse(ctx, err)
	case kept != nil:
		repeat(ctx, kept)
	default:
		next(ctx)
		s.keep(ctx, who.Business, name)
	}
}

// keep remembers the answer that was just written, or that there was none.
func (s *Server) keep(ctx huma.Context, business, name string) {
	response := unwrap(ctx).Response()
	answer := sqlstore.Answer{
		Status:   response.StatusCode(),
		Location: string(response.Header.Peek("Location")),
		Body:     append([]byte(nil), response.Body()...),
	}
	// The request may have used up its time; its answer must be kept all the same.
	err := s.write(context.WithoutCancel(ctx.Context()), func(st *sqlstore.Store) error {
		if answer.Status >= http.StatusMultipleChoices {
			return st.Forget(business, name)
		}
		return st.Finish(business, name, answer)
	})
	if err != nil {
		s.log.Error("keep answer", "operation", ctx.Operation().OperationID, "error", err)
	}
}

func repeat(ctx huma.Context, a *sqlstore.Answer) {
	c := unwrap(ctx)
	if a.Location != "" {
		c.Set("Location", a.Location)
	}
	if len(a.Body) > 0 {
		c.Set("Content-Type", "application/json")
	}
	c.Set("Idempotency-Replayed", "true")
	_ = c.Status(a.Status).Send(a.Body) // writes to memory
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
