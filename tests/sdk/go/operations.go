package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	dapr "github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"
)

type ctx = context.Context

func operations() []operation {
	return slices.Concat(invocation(), state(), messages(), resources(), unconfigured(), proxying(), reflecting(), []operation{
		{"metadata: get and set", func(c ctx, d dapr.Client) error {
			if err := d.SetMetadata(c, "color", run); err != nil {
				return err
			}
			answer, err := d.GetMetadata(c)
			if err != nil {
				return err
			}
			return first(same(answer.ID, "front"), same(answer.ExtendedMetadata["color"], run))
		}},
		{"health: wait for the sidecar", func(c ctx, d dapr.Client) error { return d.Wait(c, 5*time.Second) }},
		{"shutdown", func(c ctx, d dapr.Client) error { return d.Shutdown(c) }},
	})
}

func invocation() []operation {
	return []operation{
		{"invoke: a method of another application", func(c ctx, d dapr.Client) error {
			answer, err := d.InvokeMethodWithContent(c, "back", "echo", "post", &dapr.DataContent{Data: []byte(`{"n":1}`), ContentType: "application/json"})
			return first(err, same(string(answer), `{"n":1}`))
		}},
		{"invoke: with content of our own type", func(c ctx, d dapr.Client) error {
			answer, err := d.InvokeMethodWithCustomContent(c, "back", "echo", "post", "application/json", map[string]int{"n": 1})
			return first(err, same(string(answer), `{"n":1}`))
		}},
		{"invoke: without content", func(c ctx, d dapr.Client) error {
			answer, err := d.InvokeMethod(c, "back", "echo", "post")
			return first(err, same(string(answer), ""))
		}},
		{"invoke: an error of the application", func(c ctx, d dapr.Client) error {
			_, err := d.InvokeMethod(c, "back", "refuse", "post")
			return fails(err, codes.Unknown, map[string]string{"http": "Internal Server Error", "grpc": "not today"}[face])
		}},
		{"invoke: no such application", func(c ctx, d dapr.Client) error {
			_, err := d.InvokeMethod(c, "nobody", "echo", "post")
			return fails(err, codes.Internal, "failed to invoke, id: nobody")
		}},
	}
}

func value(c ctx, d dapr.Client, key string) string {
	item, err := d.GetState(c, "store", key, nil)
	if err != nil {
		return err.Error()
	}
	return string(item.Value)
}

func state() []operation {
	firstWrite := dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite)
	strict := &dapr.StateOptions{Concurrency: dapr.StateConcurrencyFirstWrite, Consistency: dapr.StateConsistencyStrong}
	return []operation{
		{"state: save and get", func(c ctx, d dapr.Client) error {
			return first(d.SaveState(c, "store", "go-one", []byte("1"), nil), same(value(c, d, "go-one"), "1"))
		}},
		{"state: get what is not there", func(c ctx, d dapr.Client) error {
			item, err := d.GetStateWithConsistency(c, "store", "missing-"+run, nil, dapr.StateConsistencyStrong)
			if err != nil {
				return err
			}
			return first(same(string(item.Value), ""), same(item.Etag, ""))
		}},
		{"state: save under an entity tag", func(c ctx, d dapr.Client) error {
			key := "go-tag-" + run
			if err := d.SaveState(c, "store", key, []byte("1"), nil); err != nil {
				return err
			}
			item, err := d.GetState(c, "store", key, nil)
			if err != nil {
				return err
			}
			err = d.SaveStateWithETag(c, "store", key, []byte("2"), item.Etag, nil, firstWrite)
			return first(err, same(value(c, d, key), "2"))
		}},
		{"state: a stale entity tag is refused", func(c ctx, d dapr.Client) error {
			key := "go-stale-" + run
			return first(d.SaveState(c, "store", key, []byte("1"), nil),
				fails(d.SaveStateWithETag(c, "store", key, []byte("2"), "4711", nil, firstWrite), codes.Aborted, "possible etag mismatch"),
				fails(d.DeleteStateWithETag(c, "store", key, &dapr.ETag{Value: "4711"}, nil, strict), codes.Aborted, "possible etag mismatch"),
				fails(d.SaveStateWithETag(c, "store", key, []byte("2"), "bad", nil, firstWrite), codes.InvalidArgument, "invalid etag"), same(value(c, d, key), "1"))
		}},
		{"state: delete in bulk under entity tags", func(c ctx, d dapr.Client) error {
			items := []*dapr.DeleteStateItem{{Key: "go-d1", Etag: &dapr.ETag{Value: "1"}}, {Key: "go-d2", Etag: &dapr.ETag{Value: "4711"}}}
			err := first(d.DeleteBulkState(c, "store", []string{"go-d1", "go-d2"}, nil), d.SaveState(c, "store", "go-d1", []byte("1"), nil),
				d.SaveState(c, "store", "go-d2", []byte("1"), nil))
			if err != nil {
				return err
			}
			return first(fails(d.DeleteBulkStateItems(c, "store", items), codes.Aborted, "possible etag mismatch"), same(value(c, d, "go-d2"), "1"))
		}},
		{"state: save and get in bulk", func(c ctx, d dapr.Client) error {
			err := d.SaveBulkState(c, "store", &dapr.SetStateItem{Key: "go-b1", Value: []byte("1")}, &dapr.SetStateItem{Key: "go-b2", Value: []byte("2")})
			if err != nil {
				return err
			}
			items, err := d.GetBulkState(c, "store", []string{"go-b1", "go-b2"}, nil, 2)
			if err != nil || len(items) != 2 {
				return fmt.Errorf("%d items: %w", len(items), err)
			}
			slices.SortFunc(items, func(a, b *dapr.BulkStateItem) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
			return first(same(string(items[0].Value), "1"), same(string(items[1].Value), "2"))
		}},
		{"state: delete in bulk", func(c ctx, d dapr.Client) error {
			return first(d.SaveState(c, "store", "go-b1", []byte("1"), nil), d.DeleteBulkState(c, "store", []string{"go-b1", "go-b2"}, nil),
				same(value(c, d, "go-b1"), ""), same(value(c, d, "go-b2"), ""))
		}},
		{"state: time to live", func(c ctx, d dapr.Client) error {
			err := first(d.SaveState(c, "store", "go-brief", []byte("x"), map[string]string{"ttlInSeconds": "2"}), same(value(c, d, "go-brief"), "x"))
			for end := time.Now().Add(30 * time.Second); err == nil && time.Now().Before(end) && value(c, d, "go-brief") != ""; {
				time.Sleep(100 * time.Millisecond)
			}
			return first(err, same(value(c, d, "go-brief"), ""))
		}},
		{"state: transaction", func(c ctx, d dapr.Client) error {
			err := d.SaveState(c, "store", "go-t1", []byte("0"), nil)
			if err != nil {
				return err
			}
			err = d.ExecuteStateTransaction(c, "store", nil, []*dapr.StateOperation{
				{Type: dapr.StateOperationTypeDelete, Item: &dapr.SetStateItem{Key: "go-t1"}},
				{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: "go-t2", Value: []byte("2")}}})
			return first(err, same(value(c, d, "go-t1"), ""), same(value(c, d, "go-t2"), "2"))
		}},
		{"state: delete", func(c ctx, d dapr.Client) error {
			return first(d.SaveState(c, "store", "go-gone", []byte("x"), nil), d.DeleteState(c, "store", "go-gone", nil), same(value(c, d, "go-gone"), ""))
		}},
		{"state: no such store", func(c ctx, d dapr.Client) error {
			_, err := d.GetState(c, "nostore", "k", nil)
			return fails(err, codes.InvalidArgument, "state store nostore is not found")
		}},
		{"state: a query that the store cannot answer", func(c ctx, d dapr.Client) error {
			_, err := d.QueryStateAlpha1(c, "lite", "{}", nil)
			return fails(err, codes.Internal, "does not support querying")
		}},
	}
}

func messages() []operation {
	topic := "go-" + face
	event := map[string]any{"run": run}
	return []operation{
		{"publish: an event comes to the application", func(c ctx, d dapr.Client) error {
			return first(d.PublishEvent(c, "pubsub", topic, event), awaitEvent("topic", event))
		}},
		{"publish: a struct, with a trace of our own", func(c ctx, d dapr.Client) error {
			traced := d.WithTraceID(c, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			custom := map[string]any{"custom": run}
			return first(d.PublishEventfromCustomContent(traced, "pubsub", topic, custom), awaitEvent("topic", custom))
		}},
		{"publish: in bulk", func(c ctx, d dapr.Client) error {
			answer := d.PublishEvents(c, "pubsub", topic+"-bulk", []any{"a" + run, "b" + run, dapr.PublishEventsEvent{EntryID: "3", Data: asJSON(event), ContentType: "application/json"}})
			if answer.Error != nil {
				return answer.Error
			}
			left := map[string]bool{fmt.Sprint("a" + run): true, fmt.Sprint("b" + run): true, fmt.Sprint(event): true}
			for limit := time.After(15 * time.Second); len(left) > 0; {
				select {
				case got := <-seen["bulk"]:
					delete(left, fmt.Sprint(got))
				case <-limit:
					return fmt.Errorf("missing: %v", left)
				}
			}
			return nil
		}},
		{"publish: in bulk to no such broker", func(c ctx, d dapr.Client) error {
			answer := d.PublishEvents(c, "nobroker", "t", []any{"a", "b"})
			return first(fails(answer.Error, codes.InvalidArgument, "pubsub nobroker is not found"), same(len(answer.FailedEvents), 2))
		}},
		{"publish: no such broker", func(c ctx, d dapr.Client) error {
			return fails(d.PublishEvent(c, "nobroker", "t", "x"), codes.InvalidArgument, "pubsub nobroker is not found")
		}},
		{"subscribe: routing by rules", func(c ctx, d dapr.Client) error {
			special := dapr.PublishEventWithMetadata(map[string]string{"cloudevent.type": "special"})
			return first(d.PublishEvent(c, "pubsub", topic+"-route", event, special), d.PublishEvent(c, "pubsub", topic+"-route", event),
				awaitEvent("special", event), awaitEvent("other", event))
		}},
		{"subscribe: what the application wants again comes again", func(c ctx, d dapr.Client) error {
			return first(d.PublishEvent(c, "pubsub", topic+"-again", event), awaitEvent("again", event), awaitEvent("again", event))
		}},
		{"subscribe: as a stream", func(c ctx, d dapr.Client) error {
			stream, err := d.Subscribe(c, dapr.SubscriptionOptions{PubsubName: "pubsub", Topic: topic + "-stream"})
			if err != nil {
				return err
			}
			defer stream.Close()
			if err = d.PublishEvent(c, "pubsub", topic+"-stream", event); err != nil {
				return err
			}
			message, err := stream.Receive()
			if err != nil {
				return err
			}
			return first(same(fmt.Sprint(message.Data), fmt.Sprint(event)), message.Success())
		}},
		{"subscribe: as a stream with a handler; what it wants again comes again", func(c ctx, d dapr.Client) error {
			got := make(chan string, 9)
			calls := 0
			handle := func(e *common.TopicEvent) common.SubscriptionResponseStatus {
				got <- fmt.Sprint(e.Data)
				if calls++; calls == 1 {
					return common.SubscriptionResponseStatusRetry
				}
				return common.SubscriptionResponseStatusSuccess
			}
			stop, err := d.SubscribeWithHandler(c, dapr.SubscriptionOptions{PubsubName: "pubsub", Topic: topic + "-handler"}, handle)
			if err != nil {
				return err
			}
			defer stop()
			if err = d.PublishEvent(c, "pubsub", topic+"-handler", event); err != nil {
				return err
			}
			for i := 0; i < 2; i++ {
				select {
				case data := <-got:
					if err := same(data, fmt.Sprint(event)); err != nil {
						return err
					}
				case <-c.Done():
					return errors.New("no event")
				}
			}
			return nil
		}},
	}
}

func resources() []operation {
	return []operation{
		{"binding: output", func(c ctx, d dapr.Client) error {
			file := map[string]string{"fileName": "go-" + face}
			err := d.InvokeOutputBinding(c, &dapr.InvokeBindingRequest{Name: "files", Operation: "create", Data: []byte("some text"), Metadata: file})
			if err != nil {
				return err
			}
			answer, err := d.InvokeBinding(c, &dapr.InvokeBindingRequest{Name: "files", Operation: "get", Metadata: file})
			if err != nil {
				return err
			}
			return same(string(answer.Data), "some text")
		}},
		{"binding: an operation that it does not have", func(c ctx, d dapr.Client) error {
			err := d.InvokeOutputBinding(c, &dapr.InvokeBindingRequest{Name: "files", Operation: "dance"})
			return fails(err, codes.Internal, "binding files does not support operation dance")
		}},
		{"binding: no such binding", func(c ctx, d dapr.Client) error {
			err := d.InvokeOutputBinding(c, &dapr.InvokeBindingRequest{Name: "nobinding", Operation: "create"})
			return fails(err, codes.Internal, "couldn't find output binding nobinding")
		}},
		{"binding: input", func(ctx, dapr.Client) error { return awaitEvent("binding", nil) }},
		{"secret: get", func(c ctx, d dapr.Client) error {
			secret, err := d.GetSecret(c, "vault", "plain", nil)
			return first(err, same(secret["plain"], "open"))
		}},
		{"secret: get in bulk", func(c ctx, d dapr.Client) error {
			secrets, err := d.GetBulkSecret(c, "vault", nil)
			return first(err, same(secrets["plain"]["plain"], "open"))
		}},
		{"secret: no such store, no such secret", func(c ctx, d dapr.Client) error {
			_, nostore := d.GetSecret(c, "novault", "k", nil)
			_, nokey := d.GetSecret(c, "vault", "nokey", nil)
			return first(fails(nostore, codes.InvalidArgument, "failed finding secret store with key novault"),
				fails(nokey, codes.Internal, "failed getting secret with key nokey from secret store vault"))
		}},
		{"configuration: get", func(c ctx, d dapr.Client) error {
			if err := setItem("color", "red||7"); err != nil {
				return err
			}
			item, err := d.GetConfigurationItem(c, "config", "color")
			if err != nil {
				return err
			}
			items, err := d.GetConfigurationItems(c, "config", []string{"color", "none-" + run}, dapr.WithConfigurationMetadata("a", "b"))
			return first(err, same(item.Value, "red"), same(item.Version, "7"), same(len(items), 1))
		}},
		{"configuration: subscribe and unsubscribe", func(c ctx, d dapr.Client) error {
			heard := make(chan string, 99)
			handle := func(_ string, items map[string]*dapr.ConfigurationItem) { heard <- items["go-watched"].Value }
			id, err := d.SubscribeConfigurationItems(c, "config", []string{"go-watched"}, handle)
			if err != nil {
				return err
			}
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
				if err := setItem("go-watched", "new||2"); err != nil {
					return err
				}
				select {
				case got := <-heard:
					return first(same(got, "new"), d.UnsubscribeConfigurationItems(c, "config", id))
				case <-time.After(200 * time.Millisecond):
				}
			}
			return errors.New("nothing heard")
		}},
		{"configuration: no such store", func(c ctx, d dapr.Client) error {
			_, err := d.GetConfigurationItem(c, "noconfig", "k")
			return fails(err, codes.InvalidArgument, "configuration store noconfig not found")
		}},
		{"lock: take, wait, give back", func(c ctx, d dapr.Client) error {
			name := "go-lock-" + run
			take := func(owner string) string {
				answer, err := d.TryLockAlpha1(c, "lock", &dapr.LockRequest{ResourceID: name, LockOwner: owner, ExpiryInSeconds: 30})
				return fmt.Sprint(err == nil && answer.Success, err)
			}
			give := func(owner string) string {
				answer, err := d.UnlockAlpha1(c, "lock", &dapr.UnlockRequest{ResourceID: name, LockOwner: owner})
				if err != nil {
					return err.Error()
				}
				return answer.Status
			}
			return first(same(take("me"), "true <nil>"), same(take("you"), "false <nil>"), same(give("you"), "LOCK_BELONGS_TO_OTHERS"),
				same(give("me"), "SUCCESS"), same(give("me"), "LOCK_DOES_NOT_EXIST"))
		}},
		{"lock: no such store", func(c ctx, d dapr.Client) error {
			_, err := d.TryLockAlpha1(c, "nolock", &dapr.LockRequest{ResourceID: "r", LockOwner: "me", ExpiryInSeconds: 5})
			return fails(err, codes.InvalidArgument, "lock store nolock not found")
		}},
		{"crypto: encrypt and decrypt", func(c ctx, d dapr.Client) error {
			data := bytes.Repeat([]byte("0123456789abcdef"), 20000)
			for key, wrap := range map[string]string{"rsa": "RSA", "aes": "AES"} {
				sealing, err := d.Encrypt(c, bytes.NewReader(data), dapr.EncryptOptions{ComponentName: "keys", KeyName: key, KeyWrapAlgorithm: wrap})
				if err != nil {
					return err
				}
				opening, err := d.Decrypt(c, sealing, dapr.DecryptOptions{ComponentName: "keys", KeyName: key})
				if err != nil {
					return err
				}
				got, err := io.ReadAll(opening)
				if err = first(err, same(bytes.Equal(got, data), true)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"crypto: a broken document, no such key", func(c ctx, d dapr.Client) error {
			read := func(out io.Reader, err error) error {
				if err != nil {
					return err
				}
				_, err = io.ReadAll(out)
				return err
			}
			broken := read(d.Decrypt(c, bytes.NewReader([]byte("no document")), dapr.DecryptOptions{ComponentName: "keys", KeyName: "rsa"}))
			nokey := read(d.Encrypt(c, bytes.NewReader([]byte("x")), dapr.EncryptOptions{ComponentName: "keys", KeyName: "none", KeyWrapAlgorithm: "RSA"}))
			return first(fails(broken, codes.Internal, ""), fails(nokey, codes.Internal, ""))
		}},
		{"the client of the generated code", func(c ctx, d dapr.Client) error {
			answer, err := d.GrpcClient().GetState(c, &pb.GetStateRequest{StoreName: "store", Key: "missing-" + run})
			return first(err, same(len(answer.GetData()), 0))
		}},
	}
}

func unconfigured() []operation {
	return []operation{
		{"jobs: refused as not configured", func(c ctx, d dapr.Client) error {
			_, get := d.GetJobAlpha1(c, "j")
			return first(fails(d.ScheduleJobAlpha1(c, &dapr.Job{Name: "j", Schedule: "@every 1s", Data: &anypb.Any{}}), codes.Internal, "schedule job"),
				fails(get, codes.Internal, "get job"), fails(d.DeleteJobAlpha1(c, "j"), codes.Internal, "delete job"))
		}},
		{"workflow: refused as not configured", func(c ctx, d dapr.Client) error {
			_, err := d.StartWorkflowBeta1(c, &dapr.StartWorkflowRequest{InstanceID: "i", WorkflowComponent: "dapr", WorkflowName: "w"})
			return fails(err, codes.Unknown, "placement service is not configured") // the SDK hides the code
		}},
		{"actors: refused as not configured", func(c ctx, d dapr.Client) error {
			_, err := d.InvokeActor(c, &dapr.InvokeActorRequest{ActorType: "t", ActorID: "i", Method: "m"})
			return fails(err, codes.Unavailable, "placement service is not configured")
		}},
	}
}
