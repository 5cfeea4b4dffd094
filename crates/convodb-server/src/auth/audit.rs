//! The log of requests to administration routes.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Access, Keys, Need};
use crate::request::ACTOR;
use crate::router::{LONGEST_ID, REQUEST_ID};

/// Admits a request that has what it needs, and logs it in any case.
pub(super) async fn admit(
    State((keys, need)): State<(Arc<Keys>, Need)>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut line = Line::of(&request);
    let admitted = keys.admit(need, &mut request);
    if let Some(access) = request.extensions().get() {
        line.by(access, request.headers());
    }
    let response = match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    line.status = Some(response.status());
    response
}

/// One line of the log. It is written when the request ends, also where the client has gone before its answer.
struct Line {
    key: String,
    actor: String,
    method: Method,
    path: String,
    request_id: String,
    status: Option<StatusCode>,
}

impl Line {
    fn of(request: &Request) -> Self {
        // Behind routers that are nested, a request has only the rest of its path.
        let whole = request.extensions().get::<OriginalUri>();
        let path = whole.map_or(request.uri(), |OriginalUri(uri)| uri).path();
        Self {
            key: String::new(),
            actor: String::new(),
            method: request.method().clone(),
            path: path.to_owned(),
            request_id: text(request.headers(), REQUEST_ID.as_str()),
            status: None,
        }
    }

    fn by(&mut self, access: &Access, headers: &HeaderMap) {
        self.key.clone_from(&access.key.name);
        self.actor = text(headers, ACTOR);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        tracing::info!(
            target: "audit",
            key = self.key,
            actor = self.actor,
            method = %self.method,
            path = self.path,
            status = self.status.map(|status| status.as_u16()),
            request_id = self.request_id,
        );
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let value = value.filter(|value| value.len() <= LONGEST_ID);
    value.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use axum::Router;
    use axum::body::Body;
    use axum::http::header::AUTHORIZATION;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::super::{Scope, require};
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().map_or(Ok(0), |mut all| all.write(text))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn each_request_of_administration_is_a_line_of_the_log() -> anyhow::Result<()> {
        let written = Written::default();
        let log = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || log.clone())
            .with_ansi(false)
            .without_time()
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let keys = Arc::new(Keys::new(&["key".to_owned()], None));
        let admin = Router::new().route("/admin/stats", get(|| async { "fine" }));
        let other = Router::new().route("/tags", get(|| async { "fine" }));
        let v1 = require(admin, &keys, Need::Scope(Scope::Admin));
        let v1 = v1.merge(require(other, &keys, Need::ByMethod));
        let router = Router::new().nest("/v1", v1);
        for (path, key) in [
            ("/v1/admin/stats?token=x", "Bearer key"),
            ("/v1/admin/stats", "Bearer wrong"),
            ("/v1/tags", "Bearer key"),
        ] {
            let request = Request::get(path)
                .header(AUTHORIZATION, key)
                .header(ACTOR, "usr_1")
                .header(REQUEST_ID, "r-1");
            router.clone().oneshot(request.body(Body::empty())?).await?;
        }
        let text = written.0.lock().map(|all| all.clone());
        let text = String::from_utf8(text.unwrap_or_default())?;
        assert_eq!(
            text,
            "\u{20}INFO audit: key=\"api-key-1\" actor=\"usr_1\" method=GET path=\"/v1/admin/stats\" \
             status=200 request_id=\"r-1\"\n \
             INFO audit: key=\"\" actor=\"\" method=GET path=\"/v1/admin/stats\" \
             status=401 request_id=\"r-1\"\n"
        );
        Ok(())
    }
}
