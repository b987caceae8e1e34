//! A service of the user's own, `mecha.Talk`, with a unary call and a stream both ways, as its generated code would be.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_stream::{Stream, StreamExt};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

type Words = ProstCodec<String, String>; // a `String` is the message StringValue
type Answers = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

#[derive(Clone)]
pub struct Talk;

impl NamedService for Talk {
    const NAME: &'static str = "mecha.Talk";
}

struct Say;

impl UnaryService<String> for Say {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move {
            match request.into_inner() {
                words if words == "refuse" => {
                    let mut trailers = MetadataMap::new();
                    trailers.insert("x-why", "because".parse().unwrap());
                    Err(Status::with_metadata(tonic::Code::FailedPrecondition, "not today", trailers))
                }
                words => Ok(Response::new(words)),
            }
        })
    }
}

struct Chat;

impl StreamingService<String> for Chat {
    type Response = String;
    type ResponseStream = Answers;
    type Future = BoxFuture<Response<Answers>, Status>;

    fn call(&mut self, request: Request<Streaming<String>>) -> Self::Future {
        let answers = request.into_inner().map(|word| word.map(|word| format!("you said {word}")));
        Box::pin(async move { Ok(Response::new(Box::pin(answers) as Answers)) })
    }
}

impl<B> Service<http::Request<B>> for Talk
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(Words::default());
            Ok(match request.uri().path() {
                "/mecha.Talk/Say" => grpc.unary(Say, request).await,
                "/mecha.Talk/Chat" => grpc.streaming(Chat, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// The client's side of it: a channel to the sidecar and the metadata `dapr-app-id`.
pub struct Stub {
    grpc: tonic::client::Grpc<tonic::transport::Channel>,
    app: String,
}

impl Stub {
    pub async fn to(app: &str) -> Result<Stub, String> {
        let address = format!("http://127.0.0.1:{}", std::env::var("DAPR_GRPC_PORT").unwrap());
        let channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect().await.map_err(|error| error.to_string())?;
        Ok(Stub { grpc: tonic::client::Grpc::new(channel), app: app.into() })
    }

    fn addressed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("dapr-app-id", self.app.parse().unwrap());
        request
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))
    }

    pub async fn say(&mut self, words: &str) -> Result<String, Status> {
        self.ready().await?;
        let request = self.addressed(words.to_string());
        let path = http::uri::PathAndQuery::from_static("/mecha.Talk/Say");
        Ok(self.grpc.unary(request, path, Words::default()).await?.into_inner())
    }

    pub async fn chat(&mut self, words: Vec<String>) -> Result<Vec<String>, Status> {
        self.ready().await?;
        let request = self.addressed(tokio_stream::iter(words));
        let path = http::uri::PathAndQuery::from_static("/mecha.Talk/Chat");
        self.grpc.streaming(request, path, Words::default()).await?.into_inner().collect().await
    }
}
