// Reports each token to Ward before it leaves a login service. Standard library only.
//
// Use: ward := NewWard("http://127.0.0.1:7780", "login", key); token, err := ward.Release(token, user)
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type state struct {
	Next    int64   `json:"next_sequence"`
	Missing []int64 `json:"missing"`
}

// Ward is where one login service reports.
type Ward struct {
	url, key string
	turn     sync.Mutex
	state    *state
}

// NewWard makes one; the state of the sequence is asked for with the first token.
func NewWard(url, issuer, key string) *Ward {
	return &Ward{url: url + "/api/issuances/" + issuer, key: key}
}

// Release gives the token back once Ward has recorded it; an error means: it must not leave.
func (ward *Ward) Release(token, user string) (string, error) {
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[len(parts)/2])
	var claims struct{ Iat, Exp int64 }
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return "", fmt.Errorf("no token")
	}
	digest := sha256.Sum256([]byte(token))
	ward.turn.Lock() // one at a time: the sequence has no gap
	defer ward.turn.Unlock()
	if ward.state == nil { // at start, and after a failure: ask where the sequence stands
		ward.state = new(state)
		if err := ward.ask("GET", nil, ward.state); err != nil {
			ward.state = nil
			return "", err
		}
	}
	var reports []map[string]any
	for _, place := range ward.state.Missing {
		reports = append(reports, map[string]any{"sequence": place, "void": true})
	}
	next := ward.state.Next
	ward.state = nil
	reports = append(reports, map[string]any{"sequence": next, "iat": claims.Iat, "exp": claims.Exp,
		"digest":    base64.RawURLEncoding.EncodeToString(digest[:]),
		"principal": map[string]string{"kind": "customer", "id": user}})
	body, _ := json.Marshal(map[string]any{"reports": reports})
	if err := ward.ask("POST", body, new(state)); err != nil {
		return "", err
	}
	ward.state = &state{Next: next + 1}
	return token, nil
}

func (ward *Ward) ask(method string, body []byte, into any) error {
	client := http.Client{Timeout: 5 * time.Second}
	for try := 1; ; try++ { // a repeat of the same report is no second one
		request, err := http.NewRequest(method, ward.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+ward.key)
		answer, err := client.Do(request)
		if err == nil && answer.StatusCode == http.StatusOK {
			defer answer.Body.Close()
			return json.NewDecoder(answer.Body).Decode(into)
		}
		if err == nil {
			answer.Body.Close()
			err = fmt.Errorf("Ward: %s", answer.Status)
		}
		if try == 3 || (answer != nil && answer.StatusCode != http.StatusServiceUnavailable) {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// URL ISSUER KEY USER, tokens on standard input, one a line.
func main() {
	ward := NewWard(os.Args[1], os.Args[2], os.Args[3])
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		token, err := ward.Release(strings.TrimSpace(lines.Text()), os.Args[4])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(token)
	}
}
