//! Secrets in settings: they are written, kept and never shown.

use carillon_plugin::{
    Error, Result,
    protocol::notify::{Mail, Provider, Vendor},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What must not be shown of settings, and where they are sent to: whoever changes that may not
/// know them, and would be told.
struct Secrets {
    names: &'static [&'static str],
    addresses: &'static [&'static str],
}

const MAIL: Secrets = Secrets { names: &["password"], addresses: &["/host", "/port"] };

fn of(vendor: Vendor) -> Secrets {
    let names: &[&str] = match vendor {
        Vendor::Twilio => &["token"],
        Vendor::Vonage => &["key", "signature"],
        Vendor::Alibaba => &["key_secret"],
        Vendor::Tencent => &["secret_key"],
    };
    Secrets { names, addresses: &["/base", "/voice/base"] }
}

impl Secrets {
    /// The settings with what they keep of earlier ones.
    fn kept<T: Serialize + DeserializeOwned>(&self, new: &T, old: Option<&T>) -> Result<T> {
        let (mut new, old) = (value(new), old.map_or(Value::Null, value));
        if self.addresses.iter().all(|&at| new.pointer(at) == old.pointer(at)) {
            for &name in self.names {
                if new[name].is_null() && !old[name].is_null() {
                    new[name] = old[name].clone();
                }
            }
        }
        serde_json::from_value(new).map_err(Error::internal)
    }

    /// The settings without them.
    fn hidden<T: Serialize + DeserializeOwned>(&self, settings: &T) -> Result<T> {
        let mut settings = value(settings);
        if let Some(fields) = settings.as_object_mut() {
            fields.retain(|name, _| !self.names.contains(&name.as_str()));
        }
        serde_json::from_value(settings).map_err(Error::internal)
    }
}

fn value(settings: &impl Serialize) -> Value {
    serde_json::to_value(settings).expect("texts and numbers become JSON")
}

/// A provider with the secrets that it keeps.
///
/// # Errors
/// `E_BAD_ARG`, if one is missing.
pub(super) fn provider(new: &Provider, old: &[Provider]) -> Result<Provider> {
    let (vendor, secrets) = (new.vendor(), of(new.vendor()));
    let kept = secrets.kept(new, old.iter().find(|old| old.vendor() == vendor))?;
    let whole = value(&kept);
    match secrets.names.iter().find(|&&name| whole[name].is_null()) {
        None => Ok(kept),
        Some(name) => {
            let hint = "write this secret: it is new, or the address that it is sent to is";
            Err(Error::bad_arg(&format!("providers.{name}"), hint))
        }
    }
}

/// A mail server with the password that it keeps, if somebody logs in.
pub(super) fn mail(new: &Mail, old: Option<&Mail>) -> Result<Mail> {
    if new.user.is_none() {
        return Ok(new.clone());
    }
    let kept = MAIL.kept(new, old)?;
    match kept.password {
        Some(_) => Ok(kept),
        None => {
            let hint = "write the password: it is new, or the server that it is sent to is";
            Err(Error::bad_arg("mail.password", hint))
        }
    }
}

/// A provider as it is shown.
pub(super) fn shown(provider: &Provider) -> Result<Provider> {
    of(provider.vendor()).hidden(provider)
}

/// A mail server as it is shown.
pub(super) fn shown_mail(mail: &Mail) -> Result<Mail> {
    MAIL.hidden(mail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twilio(base: Option<&str>, token: Option<&str>) -> Provider {
        let (base, token) = (base.map(str::to_owned), token.map(str::to_owned));
        Provider::Twilio { base, account: "AC1".to_owned(), token, from: "+85230000000".to_owned() }
    }

    #[test]
    fn a_secret_is_kept_only_for_the_address_that_it_was_given_for() {
        let old = [twilio(None, Some("old"))];
        let token = |new: &Provider| match provider(new, &old) {
            Ok(Provider::Twilio { token, .. }) => token,
            Ok(_) => panic!("another vendor"),
            Err(error) => Some(error.body().field.clone().unwrap()),
        };
        assert_eq!(token(&twilio(None, None)).unwrap(), "old");
        assert_eq!(token(&twilio(None, Some("new"))).unwrap(), "new");
        let elsewhere = Some("https://collector.example");
        assert_eq!(token(&twilio(elsewhere, None)).unwrap(), "providers.token");
        assert_eq!(token(&twilio(elsewhere, Some("new"))).unwrap(), "new");
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = value(&shown(&twilio(None, Some("secret"))).unwrap());
        assert_eq!(shown["account"], "AC1");
        assert!(!shown.to_string().contains("secret"));
    }
}
