//! Every operation of the Rust SDK, one JSON line each. Usage: program grpc; see tests/sdk/run.py for the environment.

mod app;
mod talk;

use app::App;
use talk::Stub;
use dapr::client::*;
use dapr::dapr::proto::common::v1::StreamPayload;
use prost_types::Any;
use std::collections::HashMap;
use std::env::var;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

type Dapr = Client<TonicClientWithAuth>;
type Done = Result<(), String>;

fn text<E: Debug>(error: E) -> String {
    format!("{error:?}")
}

fn same<T: PartialEq + Debug>(got: T, wanted: T) -> Done {
    if got == wanted { Ok(()) } else { Err(format!("{got:?} instead of {wanted:?}")) }
}

/// The call failed and its error says all of the texts.
fn fails<T, E: Debug>(answer: Result<T, E>, texts: &[&str]) -> Done {
    let Err(error) = answer else { return Err("no error".into()) };
    let said = text(error);
    match texts.iter().find(|one| !said.contains(*one)) {
        Some(missing) => Err(format!("{said} has no {missing}")),
        None => Ok(()),
    }
}

async fn value(dapr: &mut Dapr, key: &str) -> Result<String, String> {
    let answer = dapr.get_state("store", key, None).await.map_err(text)?;
    Ok(String::from_utf8_lossy(&answer.data).into())
}

async fn save(dapr: &mut Dapr, key: &str, value: &str) -> Done {
    dapr.save_state("store", key, value.into(), None, None, None).await.map_err(text)
}

/// One command to Redis or one request to `back`; what came back.
async fn say(port: &str, words: &str) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", var(port).unwrap())).await?;
    stream.write_all(words.as_bytes()).await?;
    let mut got = [0; 256];
    let count = stream.read(&mut got).await?;
    Ok(String::from_utf8_lossy(&got[..count]).into())
}

struct Run {
    app: App,
    id: String,
}

impl Run {
    async fn operation<F: Future<Output = Done>>(&self, name: &str, call: F) {
        let result = match timeout(Duration::from_secs(30), call).await {
            Ok(Ok(())) => "ok".to_string(),
            Ok(Err(error)) => error,
            Err(_) => "no end within 30 s".into(),
        };
        let quoted = serde_json::Value::String(result);
        println!(r#"{{"language": "Rust", "version": "0.20.0", "face": "grpc", "operation": "{name}", "result": {quoted}}}"#);
    }
}

async fn invocation(run: &Run, dapr: &mut Dapr) {
    run.operation("invoke: a method of another application", async {
        let data = Any { type_url: String::new(), value: b"hello".to_vec() };
        let answer = dapr.invoke_service("back", "echo", Some(data)).await.map_err(text)?;
        same(answer.data.map(|any| any.value), Some(b"hello".to_vec()))
    }).await;
    run.operation("invoke: an error of the application", async {
        fails(dapr.invoke_service("back", "refuse", Some(Any::default())).await, &["FailedPrecondition", "not today"])
    }).await;
    run.operation("invoke: no such application", async {
        fails(dapr.invoke_service("nobody", "echo", Some(Any::default())).await, &["Internal", "failed to invoke, id: nobody"])
    }).await;
}

async fn proxying(run: &Run) {
    run.operation("proxy: a unary call", async { same(Stub::to("back").await?.say("hello").await.map_err(text)?, "hello".into()) }).await;
    run.operation("proxy: a stream both ways", async {
        let words = (0..100).map(|n| n.to_string()).collect::<Vec<_>>();
        let wanted = words.iter().map(|one| format!("you said {one}")).collect::<Vec<_>>();
        same(Stub::to("back").await?.chat(words).await.map_err(text)?, wanted)
    }).await;
    run.operation("proxy: an error of the application with its trailers", async {
        let Err(error) = Stub::to("back").await?.say("refuse").await else { return Err("no error".into()) };
        same((error.code(), error.message()), (tonic::Code::FailedPrecondition, "not today"))?;
        same(error.metadata().get("x-why").and_then(|why| why.to_str().ok()), Some("because"))
    }).await;
    run.operation("proxy: no such application", async {
        fails(Stub::to("nobody").await?.say("hello").await, &["Unknown", "no host found with the given ID"])
    }).await;
}

async fn state(run: &Run, dapr: &mut Dapr) {
    run.operation("state: save and get", async {
        save(dapr, "rust-one", "1").await?;
        same(value(dapr, "rust-one").await?, "1".into())
    }).await;
    run.operation("state: get what is not there", async { same(value(dapr, &format!("missing-{}", run.id)).await?, String::new()) }).await;
    run.operation("state: save under an entity tag, a stale one is refused", async {
        let key = format!("rust-tag-{}", run.id);
        let first_write = Some(StateOptions { concurrency: 1, consistency: 2 });
        save(dapr, &key, "1").await?;
        let tag = dapr.get_state("store", &key, None).await.map_err(text)?.etag;
        let etag = |value: &str| Some(Etag { value: value.into() });
        dapr.save_state("store", &key, "2".into(), etag(&tag), None, first_write.clone()).await.map_err(text)?;
        same(value(dapr, &key).await?, "2".into())?;
        fails(dapr.save_state("store", &key, "3".into(), etag(&tag), None, first_write.clone()).await, &["Aborted", "possible etag mismatch"])?;
        fails(dapr.save_state("store", &key, "3".into(), etag("bad"), None, first_write).await, &["InvalidArgument", "invalid etag"])
    }).await;
    run.operation("state: save in bulk, delete in bulk", async {
        let item = |key: &str| StateItem { key: key.into(), value: b"x".to_vec(), ..Default::default() };
        dapr.save_bulk_states("store", vec![item("rust-b1"), item("rust-b2")]).await.map_err(text)?;
        same(value(dapr, "rust-b2").await?, "x".into())?;
        dapr.delete_bulk_state("store", vec![("rust-b1", vec![]), ("rust-b2", vec![])]).await.map_err(text)?;
        same(value(dapr, "rust-b1").await? + &value(dapr, "rust-b2").await?, String::new())
    }).await;
    run.operation("state: time to live", async {
        let brief = Some(HashMap::from([("ttlInSeconds".to_string(), "2".to_string())]));
        dapr.save_state("store", "rust-brief", "x".into(), None, brief, None).await.map_err(text)?;
        same(value(dapr, "rust-brief").await?, "x".into())?;
        for _ in 0..300 {
            if value(dapr, "rust-brief").await?.is_empty() {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err("it lives on".into())
    }).await;
    run.operation("state: delete", async {
        save(dapr, "rust-gone", "x").await?;
        dapr.delete_state("store", "rust-gone", None).await.map_err(text)?;
        same(value(dapr, "rust-gone").await?, String::new())
    }).await;
    run.operation("state: no such store", async {
        fails(dapr.get_state("nostore", "k", None).await, &["InvalidArgument", "state store nostore is not found"])
    }).await;
    run.operation("state: a query that the store cannot answer", async {
        fails(dapr.query_state_alpha1("lite", serde_json::json!({}), None).await, &["Internal", "does not support querying"])
    }).await;
}

async fn messages(run: &Run, dapr: &mut Dapr) {
    for (name, topic, kind, times) in [
        ("publish: an event comes to the application", "rust", "rust", 1),
        ("subscribe: what the application wants again comes again", "rust-again", "rust-again", 2),
        ("subscribe: a dropped event goes to the dead letter topic", "rust-refused", "rust-dead", 1),
    ] {
        run.operation(name, async {
            dapr.publish_event("pubsub", topic, "text/plain", run.id.clone().into_bytes(), None).await.map_err(text)?;
            for _ in 0..times {
                run.app.wait_for(kind, &run.id).await?;
            }
            Ok(())
        }).await;
    }
    run.operation("publish: no such broker", async {
        fails(dapr.publish_event("nobroker", "t", "text/plain", vec![1], None).await, &["InvalidArgument", "pubsub nobroker is not found"])
    }).await;
}

async fn resources(run: &Run, dapr: &mut Dapr) {
    run.operation("binding: output", async {
        let file = Some(HashMap::from([("fileName".to_string(), "rust".to_string())]));
        dapr.invoke_binding("files", b"some text".to_vec(), "create", file.clone()).await.map_err(text)?;
        same(dapr.invoke_binding("files", vec![], "get", file).await.map_err(text)?.data, b"some text".to_vec())
    }).await;
    run.operation("binding: an operation that it does not have", async {
        fails(dapr.invoke_output_binding("files", "dance").await, &["Internal", "binding files does not support operation dance"])
    }).await;
    run.operation("binding: no such binding", async {
        fails(dapr.invoke_binding("nobinding", vec![], "create", None).await, &["Internal", "couldn't find output binding nobinding"])
    }).await;
    run.operation("binding: input", run.app.wait_for("binding", "tick")).await;
    run.operation("secret: get", async {
        same(dapr.get_secret("vault", "plain").await.map_err(text)?.data["plain"].clone(), "open".into())
    }).await;
    run.operation("secret: get in bulk", async {
        same(dapr.get_bulk_secret("vault", None).await.map_err(text)?.data["plain"].secrets["plain"].clone(), "open".into())
    }).await;
    run.operation("secret: no such store, no such secret", async {
        fails(dapr.get_secret("novault", "k").await, &["InvalidArgument", "failed finding secret store with key novault"])?;
        fails(dapr.get_secret("vault", "nokey").await, &["Internal", "failed getting secret with key nokey from secret store vault"])
    }).await;
    run.operation("configuration: get", async {
        say("SDK_REDIS_PORT", "SET color red||7\r\n").await.map_err(text)?;
        let items = dapr.get_configuration("config", vec!["color"], None).await.map_err(text)?.items;
        same(items["color"].value.clone() + &items["color"].version, "red7".into())
    }).await;
    run.operation("configuration: subscribe and unsubscribe", async {
        let mut stream = dapr.subscribe_configuration("config", vec!["rust-watched"], None).await.map_err(text)?;
        let id = stream.message().await.map_err(text)?.ok_or("no first message")?.id;
        for _ in 0..50 {
            say("SDK_REDIS_PORT", "SET rust-watched new||2\r\n").await.map_err(text)?;
            if let Ok(Ok(Some(update))) = timeout(Duration::from_millis(200), stream.message()).await {
                same(update.items["rust-watched"].value.clone(), "new".into())?;
                return same(dapr.unsubscribe_configuration("config", id.as_str()).await.map_err(text)?.ok, true);
            }
        }
        Err("nothing heard".into())
    }).await;
    run.operation("crypto: encrypt and decrypt", async {
        // The SDK numbers no messages, so a document must fit into one.
        let options = EncryptRequestOptions {
            component_name: "keys".into(), key_name: "rsa".into(), key_wrap_algorithm: "RSA".into(), ..Default::default()
        };
        let sealed = dapr.encrypt(ReaderStream::new(&b"some text"[..]), options).await.map_err(text)?;
        let document = sealed.into_iter().map(|one| one.data).collect::<Vec<_>>().concat();
        let whole = vec![StreamPayload { data: document, seq: 0 }];
        let options = DecryptRequestOptions { component_name: "keys".into(), key_name: "rsa".into() };
        same(dapr.decrypt(whole, options).await.map_err(text)?, b"some text".to_vec())
    }).await;
    run.operation("crypto: a broken document, no such key", async {
        let options = || EncryptRequestOptions {
            component_name: "keys".into(), key_name: "none".into(), key_wrap_algorithm: "RSA".into(), ..Default::default()
        };
        fails(dapr.encrypt(ReaderStream::new(&b"some text"[..]), options()).await, &["Internal"])?;
        let broken = vec![StreamPayload { data: b"no document".to_vec(), seq: 0 }];
        fails(dapr.decrypt(broken, DecryptRequestOptions { component_name: "keys".into(), key_name: "rsa".into() }).await, &["Internal"])
    }).await;
    run.operation("configuration: no such store", async {
        fails(dapr.get_configuration("noconfig", vec!["k"], None).await, &["InvalidArgument", "configuration store noconfig not found"])
    }).await;
    run.operation("metadata: get and set", async {
        dapr.set_metadata("color", run.id.as_str()).await.map_err(text)?;
        let answer = dapr.get_metadata().await.map_err(text)?;
        same((answer.id, answer.extended_metadata["color"].clone()), ("front".into(), run.id.clone()))
    }).await;
    run.operation("jobs: refused as not configured", async {
        fails(dapr.get_job("j").await, &["Internal", "get job"])?;
        fails(dapr.delete_job("j").await, &["Internal", "delete job"])
    }).await;
}

#[tokio::main]
async fn main() {
    let app = App::serve(&var("APP_PORT").unwrap());
    for _ in 0..600 {
        let healthy = say("SDK_BACK_HTTP_PORT", "GET /v1.0/healthz HTTP/1.1\r\nHost: back\r\nConnection: close\r\n\r\n").await;
        if healthy.is_ok_and(|answer| answer.contains(" 204 ")) {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let run = Run { app, id: format!("{:x}", since.as_nanos()) };
    let mut dapr = Dapr::new().await.expect("no connection to the sidecar");
    invocation(&run, &mut dapr).await;
    proxying(&run).await;
    state(&run, &mut dapr).await;
    messages(&run, &mut dapr).await;
    resources(&run, &mut dapr).await;
}
