//! Where pictures in messages may come from.

use serde::{Deserialize, Serialize};

use super::WebOrigin;

/// An origin, or everywhere over a protocol: what stands in `img-src` of a content security policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PictureSource(String);

impl PictureSource {
    /// Every server that has TLS.
    pub fn https() -> PictureSource {
        PictureSource("https:".to_owned())
    }

    /// The text, as a policy has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PictureSource> for String {
    fn from(source: PictureSource) -> String {
        source.0
    }
}

impl TryFrom<String> for PictureSource {
    type Error = &'static str;

    fn try_from(text: String) -> Result<PictureSource, Self::Error> {
        if matches!(&*text, "https:" | "http:") {
            return Ok(PictureSource(text));
        }
        let origin = WebOrigin::try_from(text).map_err(|_| {
            "expected `https:`, `http:`, or an origin: a host in lower case and nothing after it"
        })?;
        Ok(PictureSource(origin.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_pictures_is_an_origin_or_a_protocol() {
        let read = |text: &str| PictureSource::try_from(text.to_owned());
        for good in ["https:", "http:", "https://pictures.example.org", "http://10.0.0.1:8000"] {
            assert_eq!(read(good).expect(good).as_str(), good);
        }
        for bad in ["", "*", "data:", "https: 'unsafe-inline'", "https://a; script-src *", "'self'"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
