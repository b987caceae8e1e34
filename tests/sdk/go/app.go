package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/dapr/go-sdk/service/common"
	grpcservice "github.com/dapr/go-sdk/service/grpc"
	httpservice "github.com/dapr/go-sdk/service/http"
)

// What came in, by kind, until it is asked for.
var seen = map[string]chan any{"topic": make(chan any, 99), "bulk": make(chan any, 99), "special": make(chan any, 99),
	"other": make(chan any, 99), "again": make(chan any, 99), "dead": make(chan any, 99), "binding": make(chan any, 99)}

// awaitEvent drops events until the wanted one comes.
func awaitEvent(kind string, wanted any) error {
	limit := time.After(15 * time.Second)
	for {
		select {
		case event := <-seen[kind]:
			if wanted == nil || reflect.DeepEqual(event, wanted) {
				return nil
			}
		case <-limit:
			return fmt.Errorf("no event of %s", kind)
		}
	}
}

func serve(face, port string) error {
	address := "127.0.0.1:" + port
	var service common.Service
	slash := ""
	if face == "http" {
		service = httpservice.NewService(address)
		slash = "/"
	} else {
		var err error
		if service, err = grpcservice.NewService(address); err != nil {
			return err
		}
		service.(*grpcservice.Server).GrpcServer().RegisterService(&talkService, talk{})
	}
	topic := "go-" + face
	keep := func(kind string) common.TopicEventHandler {
		return func(_ context.Context, event *common.TopicEvent) (bool, error) {
			seen[kind] <- event.Data
			return false, nil
		}
	}
	var calls atomic.Int32
	again := func(_ context.Context, event *common.TopicEvent) (bool, error) {
		seen["again"] <- event.Data
		if calls.Add(1) == 1 {
			return true, errors.New("once more")
		}
		return false, nil
	}
	drop := func(context.Context, *common.TopicEvent) (bool, error) { return false, errors.New("not wanted") }
	subscriptions := []struct {
		sub     common.Subscription
		handler common.TopicEventHandler
	}{
		{common.Subscription{Topic: topic, Route: "/topic"}, keep("topic")},
		{common.Subscription{Topic: topic + "-bulk", Route: "/bulk"}, keep("bulk")},
		{common.Subscription{Topic: topic + "-route", Route: "/other"}, keep("other")},
		{common.Subscription{Topic: topic + "-route", Route: "/special", Match: `event.type == "special"`, Priority: 1}, keep("special")},
		{common.Subscription{Topic: topic + "-again", Route: "/again"}, again},
		{common.Subscription{Topic: topic + "-dropped", Route: "/dropped"}, drop},
	}
	for _, one := range subscriptions {
		one.sub.PubsubName = "pubsub"
		if err := service.AddTopicEventHandler(&one.sub, one.handler); err != nil {
			return err
		}
	}
	echo := func(_ context.Context, in *common.InvocationEvent) (*common.Content, error) {
		return &common.Content{Data: in.Data, ContentType: in.ContentType}, nil
	}
	refuse := func(context.Context, *common.InvocationEvent) (*common.Content, error) {
		return nil, errors.New("not today")
	}
	tick := func(_ context.Context, in *common.BindingEvent) ([]byte, error) {
		seen["binding"] <- true
		return nil, nil
	}
	err := errors.Join(service.AddServiceInvocationHandler(slash+"echo", echo), service.AddServiceInvocationHandler(slash+"refuse", refuse),
		service.AddBindingInvocationHandler(slash+"tick", tick))
	if err != nil {
		return err
	}
	go service.Start()
	return nil
}

func asJSON(value any) []byte {
	out, _ := json.Marshal(value)
	return out
}
