//! Raises the limit of open files as far as the process may, as the Java runtime does by itself.

use std::io;

/// Most files asked for; more are never needed, and some systems make tables of that size.
const MOST: libc::rlim_t = if cfg!(target_os = "macos") {
    10_240
} else {
    1 << 20
};

/// Raises the limit and returns what it is now. Every player takes about three: voice gateway, UDP, media.
///
/// # Errors
/// When the system neither tells nor changes the limit.
pub fn raise() -> io::Result<u64> {
    let mut limit = current()?;
    let wanted = limit.rlim_max.min(MOST);
    if limit.rlim_cur < wanted {
        limit.rlim_cur = wanted;
        set(&limit)?;
    }
    // Narrower than 64 bits on some platforms.
    #[allow(clippy::useless_conversion)]
    Ok(u64::from(limit.rlim_cur))
}

#[allow(unsafe_code)]
fn current() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit that outlives the call, which only writes to it.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if status == 0 {
        Ok(limit)
    } else {
        Err(io::Error::last_os_error())
    }
}

#[allow(unsafe_code)]
fn set(limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: `limit` is a valid rlimit that outlives the call, which only reads it.
    let status = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, std::ptr::from_ref(limit)) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_what_is_allowed() {
        let before = current().expect("told");
        // The process may not give itself more than this, and never has to give anything up.
        let wanted = before.rlim_cur.max(before.rlim_max.min(MOST));
        raise().expect("raised");
        assert_eq!(current().expect("told").rlim_cur, wanted);
    }
}
