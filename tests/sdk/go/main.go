// Every operation of the Go SDK, one JSON line each. Usage: program http|grpc; see tests/sdk/run.py for the environment.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type operation struct {
	name string
	call func(context.Context, dapr.Client) error
}

var (
	face string
	run  = fmt.Sprintf("%x", time.Now().UnixNano())
)

func same[T comparable](got, wanted T) error {
	if got != wanted {
		return fmt.Errorf("%v instead of %v", got, wanted)
	}
	return nil
}

// fails wants an error with this gRPC code and text.
func fails(err error, code codes.Code, text string) error {
	if err == nil {
		return fmt.Errorf("no error, %s expected", code)
	}
	if status.Code(err) != code || !strings.Contains(err.Error(), text) {
		return fmt.Errorf("%s: %w; %s with %q expected", status.Code(err), err, code, text)
	}
	return nil
}

// first is the first error of several checks.
func first(checks ...error) error {
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func setItem(key, value string) error {
	connection, err := net.Dial("tcp", "127.0.0.1:"+os.Getenv("SDK_REDIS_PORT"))
	if err != nil {
		return err
	}
	defer connection.Close()
	fmt.Fprintf(connection, "SET %s %s\r\n", key, value)
	_, err = connection.Read(make([]byte, 64))
	return err
}

// ready waits until `back` is healthy, which it is when it has reached our server.
func ready() error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get("http://127.0.0.1:" + os.Getenv("SDK_BACK_HTTP_PORT") + "/v1.0/healthz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusNoContent {
				return nil
			}
		}
	}
	return fmt.Errorf("the sidecar of the application is not ready")
}

func sdkVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/dapr/go-sdk" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "unknown"
}

func guarded(one operation, client dapr.Client) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return one.call(ctx, client)
}

func main() {
	face = os.Args[1]
	log.SetOutput(io.Discard)
	if err := first(serve(face, os.Getenv("APP_PORT")), ready()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client, err := dapr.NewClient()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, one := range operations() {
		result := "ok"
		if err := guarded(one, client); err != nil {
			result = err.Error()
		}
		row, _ := json.Marshal(struct {
			Language  string `json:"language"`
			Version   string `json:"version"`
			Face      string `json:"face"`
			Operation string `json:"operation"`
			Result    string `json:"result"`
		}{"Go", sdkVersion(), face, one.name, result})
		fmt.Println(string(row))
	}
}
