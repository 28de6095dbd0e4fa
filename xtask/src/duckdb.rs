//! Fetches DuckDB's prebuilt library, so that a first build takes minutes and not half an hour.
//!
//! The library comes inside DuckDB's own npm packages, through whatever registry npm is set up for.
//! The archive's SHA-512 is pinned here. Not for: the static binary, which compiles DuckDB
//! (`cargo xtask dist`).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The version of the npm packages; it must fit the `duckdb` crate in `Cargo.toml`.
const VERSION: &str = "1.5.5-r.5";

/// One prebuilt library: npm's platform name, and the archive's SHA-512 in base64, as npm prints it.
struct Prebuilt {
    platform: &'static str,
    sha512: &'static str,
}

const LINUX_X64: Prebuilt = Prebuilt {
    platform: "linux-x64",
    sha512: "kCyq6BXhn6QXfwF8yVdVKriSSHP+rfVWcJ56cG8qZzlOZpxyvT5WGm6jMshxg4ditLlOsHsIN/D47RYrcjXuHQ==",
};
const LINUX_ARM64: Prebuilt = Prebuilt {
    platform: "linux-arm64",
    sha512: "CafH2AIvXtpwDynG3KB/4uEOHRGlFoB7auCRMIwH3BKNIobsANV5LSpDJ3tfyRCFIsK6e8AT1eseWVnu2Dv3cw==",
};
const DARWIN_ARM64: Prebuilt = Prebuilt {
    platform: "darwin-arm64",
    sha512: "WJdeLTFy4pRg60rkbp9smtlP1iIQ8ErtIJkxS+2LQtM1ZZMSByyW+3WPpNoKe7IwPtVl2fLlPw7tDmQW4Z974g==",
};
const DARWIN_X64: Prebuilt = Prebuilt {
    platform: "darwin-x64",
    sha512: "rN0KjX13MwVQ5V5ufykolty/tf4SaafOpGWcUA1Cegf98jPeRdsJsEE1IMXn8n3u6WvMSZEVJmHJ3ma4Hr7Vzg==",
};
const WIN32_X64: Prebuilt = Prebuilt {
    platform: "win32-x64",
    sha512: "mBGFn8netT/AAhK4TOG6Fw47+Db68CxCVtQ9qfxZc1kZAjds+aYrh17Fd/u5CbTDdxILsrcyuF8q9cUcm54kQA==",
};

fn prebuilt() -> Result<&'static Prebuilt, String> {
    match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => Ok(&LINUX_X64),
        ("linux", "aarch64") => Ok(&LINUX_ARM64),
        ("macos", "aarch64") => Ok(&DARWIN_ARM64),
        ("macos", "x86_64") => Ok(&DARWIN_X64),
        ("windows", "x86_64") => Ok(&WIN32_X64),
        (os, arch) => Err(format!(
            "there is no prebuilt DuckDB for {os} on {arch}\n\
             hint: `cargo build --features bundled` compiles it; that takes about half an hour"
        )),
    }
}

/// Puts the library into `.duckdb/lib` of the checkout, unless this version is there already.
pub fn ensure(root: &Path) -> Result<(), String> {
    let prebuilt = prebuilt()?;
    let folder = root.join(".duckdb");
    let stamp = folder.join("version");
    let wanted = format!("{VERSION} {} {}\n", prebuilt.platform, prebuilt.sha512);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    eprintln!("fetching DuckDB {VERSION} for {} (24 MB, once)", prebuilt.platform);
    let fresh = root.join(".duckdb.partial");
    remove(&fresh)?;
    fs::create_dir_all(&fresh).map_err(|e| format!("cannot create {}: {e}", fresh.display()))?;
    let archive = download(&fresh, prebuilt)?;
    check(&archive, prebuilt)?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&archive).current_dir(&fresh);
    capture(&mut unpack, "install `tar`, which unpacks the library")?;
    let unpacked = fresh.join("package");
    fs::rename(&unpacked, fresh.join("lib"))
        .map_err(|e| format!("the archive holds no folder `package`: {e}"))?;
    fs::remove_file(&archive).map_err(|e| format!("cannot remove {}: {e}", archive.display()))?;
    fs::write(fresh.join("version"), &wanted)
        .map_err(|e| format!("cannot write into {}: {e}", fresh.display()))?;
    remove(&folder)?;
    fs::rename(&fresh, &folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {e}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn download(folder: &Path, prebuilt: &Prebuilt) -> Result<PathBuf, String> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let package = format!("@duckdb/node-bindings-{}@{VERSION}", prebuilt.platform);
    let mut pack = Command::new(npm);
    pack.args(["pack", "--silent", &package]).current_dir(folder);
    let printed = capture(&mut pack, "install npm (it comes with Node.js) and try again")?;
    let name = printed.lines().last().unwrap_or_default().trim();
    if name.is_empty() {
        return Err(format!("npm printed no file name for {package}"));
    }
    Ok(folder.join(name))
}

/// Node.js is there when npm is, so it computes the hash that the standard library has not.
fn check(archive: &Path, prebuilt: &Prebuilt) -> Result<(), String> {
    let script = "const c=require('crypto'),f=require('fs');\
         console.log(c.createHash('sha512').update(f.readFileSync(process.argv[1])).digest('base64'))";
    let mut node = Command::new("node");
    node.arg("-e").arg(script).arg(archive);
    let found = capture(&mut node, "install Node.js and try again")?;
    if found.trim() == prebuilt.sha512 {
        return Ok(());
    }
    Err(format!(
        "DuckDB's archive has another SHA-512 than the pinned one\n  \
         expected {}\n  found    {}\n\
         hint: do not use it; delete .duckdb.partial and find out which npm registry answered",
        prebuilt.sha512,
        found.trim()
    ))
}

fn capture(command: &mut Command, hint: &str) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output =
        command.output().map_err(|e| format!("cannot start {shown}: {e}\nhint: {hint}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown} failed: {}\nhint: {hint}", said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
