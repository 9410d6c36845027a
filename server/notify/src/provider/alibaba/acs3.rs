//! The signature of Alibaba Cloud's requests, version 3 (`ACS3-HMAC-SHA256`).

use crate::provider::signing::{hex, hmac_sha256, rfc3339, sha256, sorted_query};

/// What is signed.
pub(super) struct Unsigned<'a> {
    pub(super) host: &'a str,
    pub(super) action: &'a str,
    pub(super) version: &'a str,
    pub(super) parameters: &'a [(&'a str, &'a str)],
    /// A text that the vendor takes once.
    pub(super) nonce: &'a str,
    pub(super) now: i64,
}

/// What goes over the wire: the query, and the headers besides `Host`.
pub(super) struct Signed {
    pub(super) query: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Unsigned<'_> {
    /// Signs a `POST` whose parameters stand in the query.
    pub(super) fn sign(&self, id: &str, secret: &[u8]) -> Signed {
        let query = sorted_query(self.parameters);
        let body = sha256(b"");
        // In the order of their names, as the vendor sorts them.
        let mut headers = vec![
            ("host", self.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-content-sha256", body.clone()),
            ("x-acs-date", rfc3339(self.now)),
            ("x-acs-signature-nonce", self.nonce.to_owned()),
            ("x-acs-version", self.version.to_owned()),
        ];
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(k, v)| format!("{k}:{v}\n")).collect();
        let canonical = format!("POST\n/\n{query}\n{lines}\n{names}\n{body}");
        let text = format!("ACS3-HMAC-SHA256\n{}", sha256(canonical.as_bytes()));
        let signature = hex(&hmac_sha256(secret, &text));
        headers.remove(0);
        headers.push((
            "authorization",
            format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={names},Signature={signature}"),
        ));
        Signed { query, headers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's example with fixed parameters.
    #[test]
    fn the_vendors_example_has_the_vendors_signature() {
        let unsigned = Unsigned {
            host: "ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            parameters: &[
                ("RegionId", "cn-shanghai"),
                ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"),
            ],
            nonce: "3156853299f313e23d1673dc12e1703d",
            now: 1_698_315_752_000,
        };
        let signed = unsigned.sign("YourAccessKeyId", b"YourAccessKeySecret");
        let (name, value) = signed.headers.last().unwrap();
        assert_eq!(*name, "authorization");
        assert_eq!(
            value,
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;\
             x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,\
             Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
    }
}
