//! Says why a server has no address, cannot be reached, or has not moved; and what the matter with
//! Tor is.

use super::files::{private_file, system};
use super::{fl, path, said};
use ephemeral_client::DialError;
use ephemeral_client::moved::{ANSWER_LIMIT, BookError, MOST, NoticeRequestError};
use ephemeral_client::url::UrlError;
use ephemeral_tor::{MovedError, Notice, PathFix, TorError};

/// Says what is wrong with the address of a server.
pub(in super::super) fn url(error: UrlError) -> String {
    match error {
        UrlError::NoScheme => fl!("url-form"),
        UrlError::Https => fl!("url-https"),
        UrlError::NotOnlyAHost => fl!("url-only-host"),
        UrlError::Host => fl!("url-host"),
        UrlError::Onion => fl!("url-onion"),
        UrlError::Port => fl!("url-port"),
    }
}

/// Says why there is no way to a server.
pub(in super::super) fn dial(error: &DialError) -> String {
    match error {
        DialError::Unsuitable("an onion address is reached through Tor, not directly") => fl!("dial-onion-directly"),
        DialError::Unsuitable(why) => (*why).to_owned(),
        DialError::NoWay(why) => said::translated(&why.to_string()),
        DialError::Timeout(limit) => fl!("dial-timeout", seconds = limit.as_secs().to_string()),
        DialError::Tcp(error) => fl!("dial-tcp", why = system(error)),
        DialError::Socks { proxy, source } => {
            fl!("dial-socks", proxy = proxy.to_string(), why = source.to_string())
        }
        DialError::Tor(error) => tor(error),
    }
}

/// Says what the matter with Tor in this process is. Arti's own words are English.
pub(in super::super) fn tor(error: &TorError) -> String {
    match error {
        TorError::Table(why) => why.clone(),
        TorError::Path { path: directory, why } => fl!("tor-path", path = path(directory), why = why.as_str()),
        TorError::Unsafe { path: place, fix } => fl!("tor-unsafe", path = path(place), fix = path_fix(fix)),
        TorError::InUse(directory) => fl!("tor-in-use", path = path(directory)),
        TorError::File(error) => private_file(error),
        TorError::Service(why) => fl!("tor-service", why = why.as_str()),
        TorError::Runtime(error) => fl!("tor-runtime", why = system(error)),
        TorError::Arti { action, source: _ } => {
            let text = error.to_string();
            let why = text.strip_prefix(action).and_then(|text| text.strip_prefix(": ")).unwrap_or(&text);
            match *action {
                "the Tor network cannot be reached" => fl!("tor-no-network", why = why),
                "the server cannot be reached through Tor" => fl!("tor-no-server", why = why),
                _ => text,
            }
        }
    }
}

fn path_fix(fix: &PathFix) -> String {
    match fix {
        PathFix::Mode { path: place, mode } => fl!("tor-fix-mode", mode = mode.as_str(), path = path(place)),
        PathFix::Owner(user) => fl!("tor-fix-owner", user = user.to_string()),
    }
}

/// Says what is wrong with a notice of a move.
pub(in super::super) fn moved(error: &MovedError) -> String {
    match error {
        MovedError::Malformed(why) => fl!("moved-malformed", why = why.as_str()),
        MovedError::TooMuch => {
            fl!("moved-too-much", most = Notice::MOST.to_string(), bytes = Notice::MOST_BYTES.to_string())
        }
        MovedError::Address(field) => fl!("moved-address", field = str::to_owned(field)),
        MovedError::Nowhere => fl!("moved-nowhere"),
        MovedError::Time => fl!("moved-time"),
        MovedError::Signature => fl!("moved-signature"),
        MovedError::File(error) => private_file(error),
    }
}

/// Says why a notice cannot be followed.
pub(in super::super) fn book(error: &BookError) -> String {
    match error {
        BookError::Notice(error) => moved(error),
        BookError::Contradiction { from, known } => {
            fl!("moved-contradiction", from = from.as_str(), known = known.as_str())
        }
        BookError::TooMany => fl!("moved-too-many", most = MOST.to_string()),
        BookError::File(error) => private_file(error),
    }
}

/// Says why a server gave no notice.
pub(in super::super) fn notice_request(error: &NoticeRequestError) -> String {
    match error {
        NoticeRequestError::Dial(error) => dial(error),
        NoticeRequestError::Interrupted => fl!("moved-interrupted"),
        NoticeRequestError::Timeout => fl!("moved-no-answer", seconds = ANSWER_LIMIT.as_secs().to_string()),
        NoticeRequestError::Answer => fl!("moved-answer"),
        NoticeRequestError::None(status) => fl!("moved-server-has-none", status = status.to_string()),
        NoticeRequestError::Notice(error) => moved(error),
    }
}
