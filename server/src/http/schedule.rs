//! What robots post by themselves: `POST /robot/schedule/{verb}` for their programs, and the
//! pictures of digests.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use carillon_plugin::{Caller, Error};
use carillon_protocol::{
    Codec, ErrorBody, ErrorCode, PictureId,
    bot::Signature,
    digest::GetPicture,
    limits::FRAME_LEN_MAX,
    schedule::{Receive, Verb},
};

use super::{Admitted, Door, answer, forwarded, gate::network, refuse};

type Answer<T> = Result<T, ErrorBody>;

/// A picture never changes, and is nobody else's.
const KEPT: &str = "private, max-age=31536000, immutable";

/// The addresses.
pub(super) fn routes() -> Router<Door> {
    Router::new()
        .route("/robot/schedule/{verb}", post(receive))
        .route("/v1/bot/pictures/{id}", get(picture))
}

fn told(outcome: Answer<Response<Body>>) -> Response<Body> {
    outcome.unwrap_or_else(|error| refuse(Codec::Json, &error))
}

/// `GET /v1/bot/pictures/{id}`.
async fn picture(
    State(door): State<Door>,
    Path(id): Path<PictureId>,
    request: Request,
) -> Response<Body> {
    told(door.picture(id, request).await)
}

/// `POST /robot/schedule/{verb}?access_token=…`: `put`, `list` or `remove`, with the arguments of
/// that operation in the body; the robot is the address's.
async fn receive(
    State(door): State<Door>,
    Path(verb): Path<Verb>,
    request: Request,
) -> Response<Body> {
    told(door.schedule(verb, request).await)
}

impl Door {
    async fn picture(&self, picture: PictureId, request: Request) -> Answer<Response<Body>> {
        let caller = self.looks(request).await?;
        let found = self.0.host.call_typed(caller, None, &GetPicture { picture }).await;
        let png = BASE64.decode(found.map_err(Error::into_body)?.png).map_err(|_| {
            ErrorBody::new(ErrorCode::Unavailable, "a picture that was kept cannot be read")
        })?;
        let mut response = Response::new(Body::from(png));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
        Ok(response)
    }

    async fn schedule(&self, verb: Verb, request: Request) -> Answer<Response<Body>> {
        let query = request.uri().query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let all = |key: &'static str| {
            pairs.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.clone())
        };
        let token = all("access_token").next().unwrap_or_default();
        let signatures = all("timestamp").zip(all("sign"));
        let signatures =
            signatures.map(|(timestamp, sign)| Signature { timestamp, sign }).collect();
        let peer = request.extensions().get::<Admitted>().map(Admitted::peer);
        let from =
            peer.map(|peer| forwarded::client(peer, request.headers(), &self.0.trusted_proxies));
        let (rates, source) = (&self.0.rates, from.map(network));
        rates.may_post(source, self.0.host.now())?;
        let body = to_bytes(request.into_body(), FRAME_LEN_MAX).await.map_err(|_| {
            let msg = format!("a body may have {FRAME_LEN_MAX} bytes, and must be complete");
            ErrorBody::new(ErrorCode::TooLarge, msg)
        })?;
        if !Codec::Json.depth_ok(&body) {
            let msg = "values are nested more than 32 deep";
            return Err(ErrorBody::new(ErrorCode::BadFrame, msg));
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        let from = from.map(|it| it.to_string());
        let receive = Receive { token, from, signatures, verb, body };
        let answered = self.0.host.call_typed(Caller::SYSTEM, None, &receive).await;
        let received = answered.map_err(|error| {
            // Who guesses at tokens, or sends what is refused again and again, may not do it often.
            if error.code().http_status() < 500 {
                rates.refused(source, self.0.host.now());
            }
            error.into_body()
        })?;
        Ok(answer(Codec::Json, StatusCode::OK, received.body.into_bytes()))
    }
}
