package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// limitPath is where the limit takes webhooks.
const limitPath = "/hook"

// limitServer is what every figure is compared to: Fiber, the signature checked,
// the body parsed by encoding/json, nothing kept.
func limitServer() *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, Immutable: false})
	app.Post(limitPath, func(c *fiber.Ctx) error {
		body := c.Body()
		mac := hmac.New(sha256.New, []byte(appSecret))
		mac.Write(body)
		given, err := hex.DecodeString(strings.TrimPrefix(c.Get("X-Hub-Signature-256"), "sha256="))
		if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
			return c.SendStatus(fiber.StatusUnauthorized)
		}
		var p payload
		if err := json.Unmarshal(body, &p); err != nil || len(p.Entry) == 0 {
			return c.SendStatus(fiber.StatusBadRequest)
		}
		return c.SendStatus(fiber.StatusOK)
	})
	return app
}

type payload struct {
	Object string `json:"object"`
	Entry  []struct {
		ID      string `json:"id"`
		Changes []struct {
			Field string `json:"field"`
			Value struct {
				Product  string `json:"messaging_product"`
				Metadata struct {
					Number string `json:"display_phone_number"`
					ID     string `json:"phone_number_id"`
				} `json:"metadata"`
				Contacts []struct {
					WaID    string `json:"wa_id"`
					Profile struct {
						Name string `json:"name"`
					} `json:"profile"`
				} `json:"contacts"`
				Messages []struct {
					From      string `json:"from"`
					ID        string `json:"id"`
					Timestamp string `json:"timestamp"`
					Type      string `json:"type"`
					Text      struct {
						Body string `json:"body"`
					} `json:"text"`
				} `json:"messages"`
			} `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}
