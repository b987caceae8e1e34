package main

import (
	"encoding/base64"
	"fmt"
	"slices"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/jhump/protoreflect/dynamic"
	"github.com/jhump/protoreflect/dynamic/grpcdynamic"
	"github.com/jhump/protoreflect/grpcreflect"
	refv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	refv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

const daprService = "dapr.proto.runtime.v1.Dapr"

// discovered calls a method that it knows by name only: messages come from the server's reflection, and are written in JSON.
func discovered(c ctx, d dapr.Client, client *grpcreflect.Client, method, request string) (*dynamic.Message, error) {
	service, err := client.ResolveService(daprService)
	if err != nil {
		return nil, err
	}
	found := service.FindMethodByName(method)
	if found == nil {
		return nil, fmt.Errorf("no method %s", method)
	}
	message := dynamic.NewMessage(found.GetInputType())
	if err = message.UnmarshalJSON([]byte(request)); err != nil {
		return nil, err
	}
	answer, err := grpcdynamic.NewStub(d.GrpcClientConn()).InvokeRpc(c, found, message)
	if err != nil {
		return nil, err
	}
	return dynamic.AsDynamicMessage(answer)
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// reflecting is what a program such as grpcurl does, with the two versions of reflection.
func reflecting() []operation {
	if face != "grpc" {
		return nil
	}
	versions := map[string]func(ctx, dapr.Client) *grpcreflect.Client{
		"v1": func(c ctx, d dapr.Client) *grpcreflect.Client {
			return grpcreflect.NewClientV1(c, refv1.NewServerReflectionClient(d.GrpcClientConn()))
		},
		"v1alpha": func(c ctx, d dapr.Client) *grpcreflect.Client {
			return grpcreflect.NewClientV1Alpha(c, refv1alpha.NewServerReflectionClient(d.GrpcClientConn()))
		},
	}
	var all []operation
	for _, version := range []string{"v1", "v1alpha"} {
		with := func(name string, call func(ctx, dapr.Client, *grpcreflect.Client) error) {
			all = append(all, operation{"reflection " + version + ": " + name, func(c ctx, d dapr.Client) error {
				client := versions[version](c, d)
				defer client.Reset()
				return call(c, d, client)
			}})
		}
		with("services, a symbol that is not there", func(c ctx, d dapr.Client, client *grpcreflect.Client) error {
			services, err := client.ListServices()
			if err != nil {
				return err
			}
			for _, wanted := range []string{daprService, "grpc.reflection.v1.ServerReflection"} {
				if !slices.Contains(services, wanted) {
					return fmt.Errorf("no %s in %v", wanted, services)
				}
			}
			_, err = client.ResolveService("no.such.Service")
			return same(grpcreflect.IsElementNotFoundError(err), true)
		})
		with("state", func(c ctx, d dapr.Client, client *grpcreflect.Client) error {
			save := fmt.Sprintf(`{"storeName": "store", "states": [{"key": "told-%s", "value": "%s"}]}`, version, base64Of(run))
			if _, err := discovered(c, d, client, "SaveState", save); err != nil {
				return err
			}
			answer, err := discovered(c, d, client, "GetState", `{"storeName": "store", "key": "told-`+version+`"}`)
			if err != nil {
				return err
			}
			return same(string(answer.GetFieldByName("data").([]byte)), run)
		})
		with("publish", func(c ctx, d dapr.Client, client *grpcreflect.Client) error {
			event := map[string]any{"told": version + run}
			_, err := discovered(c, d, client, "PublishEvent", fmt.Sprintf(
				`{"pubsubName": "pubsub", "topic": "go-grpc", "data": "%s", "dataContentType": "application/json"}`, base64Of(string(asJSON(event)))))
			return first(err, awaitEvent("topic", event))
		})
		with("invoke", func(c ctx, d dapr.Client, client *grpcreflect.Client) error {
			words := `{"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "hello"}`
			answer, err := discovered(c, d, client, "InvokeService", `{"id": "back", "message": {"method": "echo", "contentType": "text/plain", "data": `+words+`}}`)
			if err != nil {
				return err
			}
			return same(fmt.Sprint(answer.GetFieldByName("content_type")), "text/plain")
		})
		with("metadata", func(c ctx, d dapr.Client, client *grpcreflect.Client) error {
			answer, err := discovered(c, d, client, "GetMetadata", "{}")
			if err != nil {
				return err
			}
			return same(fmt.Sprint(answer.GetFieldByName("id")), "front")
		})
	}
	return all
}
