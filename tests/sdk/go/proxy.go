package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A service of the user's own, as its generated code would describe it: a unary call and a stream both ways.
type talk struct{}

type words = wrapperspb.StringValue

func (talk) say(ctx context.Context, in *words) (*words, error) {
	if in.Value == "refuse" {
		grpc.SetTrailer(ctx, metadata.Pairs("x-why", "because"))
		return nil, status.Error(codes.FailedPrecondition, "not today")
	}
	heard, _ := metadata.FromIncomingContext(ctx)
	grpc.SetHeader(ctx, metadata.Pairs("x-heard", strings.Join(heard["x-said"], ",")))
	grpc.SetTrailer(ctx, metadata.Pairs("x-late", "yes"))
	return in, nil
}

func (talk) chat(stream grpc.ServerStream) error {
	for {
		var in words
		if err := stream.RecvMsg(&in); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(wrapperspb.String("you said " + in.Value)); err != nil {
			return err
		}
	}
}

var talkService = grpc.ServiceDesc{
	ServiceName: "mecha.Talk",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Say", Handler: func(served any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in words
		if err := decode(&in); err != nil {
			return nil, err
		}
		return served.(talk).say(ctx, &in)
	}}},
	Streams: []grpc.StreamDesc{{StreamName: "Chat", ServerStreams: true, ClientStreams: true,
		Handler: func(served any, stream grpc.ServerStream) error { return served.(talk).chat(stream) }}},
}

func toApp(c ctx, id string) ctx { return metadata.AppendToOutgoingContext(c, "dapr-app-id", id) }

// proxying calls through the connection that the SDK hands out, as its documentation has it.
func proxying() []operation {
	if face != "grpc" {
		return nil
	}
	say := func(c ctx, d dapr.Client, text string, options ...grpc.CallOption) (string, error) {
		var out words
		err := d.GrpcClientConn().Invoke(c, "/mecha.Talk/Say", wrapperspb.String(text), &out, options...)
		return out.Value, err
	}
	return []operation{
		{"proxy: a unary call with metadata and trailers", func(c ctx, d dapr.Client) error {
			var header, trailer metadata.MD
			answer, err := say(metadata.AppendToOutgoingContext(toApp(c, "back"), "x-said", "aloud"), d, "hello", grpc.Header(&header), grpc.Trailer(&trailer))
			return first(err, same(answer, "hello"), same(fmt.Sprint(header["x-heard"]), "[aloud]"), same(fmt.Sprint(trailer["x-late"]), "[yes]"))
		}},
		{"proxy: a stream both ways", func(c ctx, d dapr.Client) error {
			stream, err := d.GrpcClientConn().NewStream(toApp(c, "back"), &talkService.Streams[0], "/mecha.Talk/Chat")
			if err != nil {
				return err
			}
			for i := 0; i < 100; i++ {
				var out words
				text := fmt.Sprint(i)
				if err := first(stream.SendMsg(wrapperspb.String(text)), stream.RecvMsg(&out), same(out.Value, "you said "+text)); err != nil {
					return err
				}
			}
			return first(stream.CloseSend(), same(stream.RecvMsg(&words{}), io.EOF))
		}},
		{"proxy: an error of the application with its trailers", func(c ctx, d dapr.Client) error {
			var trailer metadata.MD
			_, err := say(toApp(c, "back"), d, "refuse", grpc.Trailer(&trailer))
			return first(fails(err, codes.FailedPrecondition, "not today"), same(fmt.Sprint(trailer["x-why"]), "[because]"))
		}},
		{"proxy: no such application, no application named", func(c ctx, d dapr.Client) error {
			_, nobody := say(toApp(c, "nobody"), d, "hello")
			_, missing := say(c, d, "hello")
			return first(fails(nobody, codes.Unknown, "no host found with the given ID"),
				fails(missing, codes.Unknown, "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"))
		}},
	}
}
