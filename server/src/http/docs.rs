//! `/docs` and the documents for programs: the same on every server of a version, and made when
//! somebody asks first.

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, Response, header},
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use carillon_protocol::{Codec, ErrorBody, ErrorCode};

use super::{Door, refuse};
use crate::docs::{Documents, STYLE};

/// What the page may do: look as it should. It has no scripts.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The documents as they are sent.
pub struct Written {
    documents: Documents,
    openapi: Bytes,
    asyncapi: Bytes,
    page: Bytes,
}

impl Written {
    fn of(mut documents: Documents) -> Written {
        Written {
            openapi: documents.openapi.take().to_string().into(),
            asyncapi: documents.asyncapi.take().to_string().into(),
            page: std::mem::take(&mut documents.page).into(),
            documents,
        }
    }
}

/// The routes.
pub fn routes() -> Router<Door> {
    Router::new()
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route("/docs.css", get(async || typed("text/css; charset=utf-8", STYLE)))
        .route("/v1/openapi.json", get(openapi))
        .route("/v1/asyncapi.json", get(asyncapi))
        .route("/v1/schema/{file}", get(schema))
}

impl Door {
    fn documents(&self) -> &Written {
        self.0.documents.get_or_init(|| Written::of(Documents::of(&self.0.host)))
    }
}

async fn page(State(door): State<Door>) -> Response<Body> {
    let mut response = typed("text/html; charset=utf-8", door.documents().page.clone());
    let policy = HeaderValue::from_static(POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

async fn openapi(State(door): State<Door>) -> Response<Body> {
    typed("application/json", door.documents().openapi.clone())
}

async fn asyncapi(State(door): State<Door>) -> Response<Body> {
    typed("application/json", door.documents().asyncapi.clone())
}

async fn schema(State(door): State<Door>, Path(file): Path<String>) -> Response<Body> {
    let name = file.strip_suffix(".json");
    match name.and_then(|name| door.documents().documents.schema(name)) {
        Some(schema) => typed("application/schema+json", schema.to_string()),
        None => {
            let msg = "there is no such type; /v1/openapi.json names them all";
            refuse(Codec::Json, &ErrorBody::new(ErrorCode::NotFound, msg))
        }
    }
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
}
