//! The application: the callback service of the SDK. What comes in is kept by kind until it is asked for.

use dapr::appcallback::*;
use dapr::dapr::proto::runtime::v1::app_callback_server::{AppCallback, AppCallbackServer};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

#[derive(Clone, Default)]
pub struct App {
    seen: Arc<Mutex<HashMap<String, Vec<String>>>>,
    calls: Arc<AtomicUsize>,
}

impl App {
    pub fn serve(port: &str) -> App {
        let app = App::default();
        let address = format!("127.0.0.1:{port}").parse().unwrap();
        let service = AppCallbackServer::new(app.clone());
        tokio::spawn(tonic::transport::Server::builder().add_service(service).add_service(crate::talk::Talk).serve(address));
        app
    }

    fn keep(&self, kind: &str, text: String) {
        self.seen.lock().unwrap().entry(kind.into()).or_default().push(text);
    }

    /// Takes an event of a kind that has the text.
    pub async fn wait_for(&self, kind: &str, text: &str) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(15);
        while Instant::now() < end {
            if let Some(events) = self.seen.lock().unwrap().get_mut(kind) {
                if let Some(at) = events.iter().position(|event| event.contains(text)) {
                    events.remove(at);
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("no event of {kind}"))
    }
}

#[tonic::async_trait]
impl AppCallback for App {
    async fn on_invoke(&self, request: Request<InvokeRequest>) -> Answer<InvokeResponse> {
        let request = request.into_inner();
        match request.method.as_str() {
            "echo" => Ok(Response::new(InvokeResponse { data: request.data, content_type: request.content_type })),
            _ => Err(Status::failed_precondition("not today")),
        }
    }

    async fn list_topic_subscriptions(&self, _: Request<()>) -> Answer<ListTopicSubscriptionsResponse> {
        let topic = |name: &str, dead: &str| {
            let mut one = TopicSubscription::new("pubsub".into(), name.into(), None);
            one.dead_letter_topic = dead.into();
            one
        };
        let subscriptions = vec![
            topic("rust", ""), topic("rust-again", ""), topic("rust-refused", "rust-dead"), topic("rust-dead", ""),
        ];
        Ok(Response::new(ListTopicSubscriptionsResponse { subscriptions }))
    }

    async fn on_topic_event(&self, request: Request<TopicEventRequest>) -> Answer<TopicEventResponse> {
        let request = request.into_inner();
        self.keep(&request.topic, String::from_utf8_lossy(&request.data).into());
        let status = match request.topic.as_str() {
            "rust-again" if self.calls.fetch_add(1, Ordering::SeqCst) == 0 => 1, // RETRY
            "rust-refused" => 2, // DROP
            _ => 0,
        };
        Ok(Response::new(TopicEventResponse { status }))
    }

    async fn list_input_bindings(&self, _: Request<()>) -> Answer<ListInputBindingsResponse> {
        Ok(Response::new(ListInputBindingsResponse::binding("tick".into())))
    }

    async fn on_binding_event(&self, request: Request<BindingEventRequest>) -> Answer<BindingEventResponse> {
        self.keep("binding", request.into_inner().name);
        Ok(Response::new(BindingEventResponse::default()))
    }

    async fn on_bulk_topic_event(&self, _: Request<TopicEventBulkRequest>) -> Answer<TopicEventBulkResponse> {
        Err(Status::unimplemented("no bulk subscriptions"))
    }

    async fn on_job_event(&self, _: Request<JobEventRequest>) -> Answer<JobEventResponse> {
        Err(Status::unimplemented("no jobs"))
    }
}
