//! The signature of Tencent Cloud's requests, version 3 (`TC3-HMAC-SHA256`).

use crate::provider::signing::{hex, hmac_sha256, rfc3339, sha256};

/// The type of the bodies, as it is signed and sent.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// What is signed.
pub(super) struct Unsigned<'a> {
    pub(super) service: &'a str,
    pub(super) host: &'a str,
    pub(super) action: &'a str,
    pub(super) body: &'a str,
    pub(super) now: i64,
}

impl Unsigned<'_> {
    /// The header `Authorization` of a `POST` to `/`.
    pub(super) fn sign(&self, id: &str, secret: &[u8]) -> String {
        let (service, host) = (self.service, self.host);
        let names = "content-type;host;x-tc-action";
        let action = self.action.to_ascii_lowercase();
        let lines = format!("content-type:{JSON}\nhost:{host}\nx-tc-action:{action}\n");
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", sha256(self.body.as_bytes()));
        let date = &rfc3339(self.now)[..10];
        let scope = format!("{date}/{service}/tc3_request");
        let at = self.now.div_euclid(1000);
        let text = format!("TC3-HMAC-SHA256\n{at}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let key = hmac_sha256(&[b"TC3", secret].concat(), date);
        let key = hmac_sha256(&hmac_sha256(&key, service), "tc3_request");
        let signature = hex(&hmac_sha256(&key, &text));
        format!(
            "TC3-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's example, whose secrets are asterisks.
    #[test]
    fn the_vendors_example_has_the_vendors_signature() {
        let body = concat!(
            r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "#,
            r#""Name": "instance-name"}]}"#
        );
        let unsigned = Unsigned {
            service: "cvm",
            host: "cvm.tencentcloudapi.com",
            action: "DescribeInstances",
            body,
            now: 1_551_113_065_000,
        };
        let stars = "*".repeat(32);
        assert_eq!(
            unsigned.sign(&format!("AKID{stars}"), stars.as_bytes()),
            format!(
                "TC3-HMAC-SHA256 Credential=AKID{stars}/2019-02-25/cvm/tc3_request, \
                 SignedHeaders=content-type;host;x-tc-action, \
                 Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
            )
        );
    }
}
