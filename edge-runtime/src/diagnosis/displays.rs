//! Frame buffers, SPI, I2C and GPIO devices, and whether this user may use them.

use std::fs::OpenOptions;
use std::io::ErrorKind;

use super::{Finding, Root, absent, fine, problem};

/// Transfers of a small panel's whole picture are larger: 240 x 240 pixels of two bytes.
const PICTURE_BYTES: u64 = 115_200;

pub(super) fn findings(root: &Root) -> Vec<Finding> {
    let mut findings = framebuffers(root);
    findings.extend(spi(root));
    let remedy = "only panels on I2C need one; Raspberry Pi: dtparam=i2c_arm=on in /boot/firmware/config.txt";
    findings.extend(devices(root, "i2c-", ("I2C", "I2C bus", "i2c"), remedy));
    findings.extend(devices(root, "gpiochip", ("GPIO", "GPIO chip", "gpio"), "panels on SPI and buttons need one"));
    findings
}

fn framebuffers(root: &Root) -> Vec<Finding> {
    let names = root.names("dev", "fb");
    let names: Vec<_> = names.iter().filter(|name| name[2..].chars().all(|letter| letter.is_ascii_digit())).collect();
    if names.is_empty() {
        return vec![absent("frame buffer", "no /dev/fb*", "--display fb:PATH needs one; --display terminal doesn't")];
    }
    let about = |name: &String| {
        let sys =
            |file: &str| root.line(&format!("sys/class/graphics/{name}/{file}")).unwrap_or_else(|| "?".to_owned());
        format!(
            "{}, {} pixels, {} bits each",
            sys("name"),
            sys("virtual_size").replace(',', " x "),
            sys("bits_per_pixel")
        )
    };
    names.iter().map(|name| device(root, name, &about(name), "video")).collect()
}

fn spi(root: &Root) -> Vec<Finding> {
    let names = root.names("dev", "spidev");
    if names.is_empty() {
        let remedy = "only panels on SPI need one; Raspberry Pi: dtparam=spi=on in /boot/firmware/config.txt";
        return vec![absent("SPI", "no /dev/spidev*", remedy)];
    }
    let mut findings: Vec<Finding> = names.iter().map(|name| device(root, name, "SPI device", "spi")).collect();
    if let Some(bytes) = root.line("sys/module/spidev/parameters/bufsiz").and_then(|text| text.parse::<u64>().ok()) {
        let found = format!("{bytes} bytes in one transfer");
        findings.push(if bytes < PICTURE_BYTES {
            let remedy =
                "larger transfers are sent in pieces; spidev.bufsiz=131072 on the kernel's command line makes them fewer";
            absent("SPI buffer", found, remedy)
        } else {
            fine("SPI buffer", found)
        });
    }
    findings
}

/// All devices of a kind; `kind` is its name, what each is, and the group that may use them.
fn devices(root: &Root, prefix: &str, kind: (&str, &str, &str), remedy: &str) -> Vec<Finding> {
    let (name, about, group) = kind;
    let names = root.names("dev", prefix);
    if names.is_empty() {
        return vec![absent(name, format!("no /dev/{prefix}*"), remedy)];
    }
    names.iter().map(|name| device(root, name, about, group)).collect()
}

/// A device file, opened for writing and closed again. `usual` is the group of such devices where its own can't be told.
fn device(root: &Root, name: &str, about: &str, usual: &str) -> Finding {
    let part = format!("/dev/{name}");
    match OpenOptions::new().write(true).open(root.path(&format!("dev/{name}"))) {
        Ok(_) => fine(part, about),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            match group_of(root, name).as_deref().unwrap_or(usual) {
                "root" => absent(part, format!("{about}; for root only"), "a udev rule can give it to a group"),
                group => {
                    let remedy = format!("sudo usermod -aG {group} $USER, then log in again");
                    problem(part, format!("{about}; this user may not write it"), remedy)
                }
            }
        }
        Err(error) => problem(part, format!("{about}; {error}"), "check that its driver is loaded: dmesg"),
    }
}

/// The name of a device's group.
#[cfg(unix)]
fn group_of(root: &Root, name: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let number = std::fs::metadata(root.path(&format!("dev/{name}"))).ok()?.gid().to_string();
    let groups = root.text("etc/group");
    // Name, password, number, members (group(5)).
    groups.lines().map(|line| line.split(':')).find_map(|mut parts| {
        let name = parts.next()?;
        (parts.nth(1)? == number).then(|| name.to_owned())
    })
}

#[cfg(not(unix))]
fn group_of(_: &Root, _: &str) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn write(root: &Root, path: &str, text: &str) {
        let path = root.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    #[test]
    fn a_machine_without_displays_says_what_needs_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = findings(&Root(folder.path().to_owned()));
        assert_eq!(found.iter().map(|finding| finding.state).collect::<Vec<_>>(), [State::Absent; 4]);
        assert!(found.iter().all(|finding| finding.remedy.is_some()));
    }

    #[test]
    fn size_depth_and_buffer_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root(folder.path().to_owned());
        write(&root, "dev/fb0", "");
        write(&root, "dev/fbcon", "");
        write(&root, "sys/class/graphics/fb0/name", "vc4drmfb\n");
        write(&root, "sys/class/graphics/fb0/virtual_size", "800,480\n");
        write(&root, "sys/class/graphics/fb0/bits_per_pixel", "16\n");
        write(&root, "dev/spidev0.0", "");
        write(&root, "sys/module/spidev/parameters/bufsiz", "4096\n");
        write(&root, "dev/i2c-1", "");
        write(&root, "dev/gpiochip0", "");
        let found = findings(&root);
        let texts: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.part, finding.found)).collect();
        let expected = [
            "/dev/fb0 vc4drmfb, 800 x 480 pixels, 16 bits each",
            "/dev/spidev0.0 SPI device",
            "SPI buffer 4096 bytes in one transfer",
            "/dev/i2c-1 I2C bus",
            "/dev/gpiochip0 GPIO chip",
        ];
        assert_eq!(texts, expected);
        write(&root, "sys/module/spidev/parameters/bufsiz", "131072\n");
        assert_eq!(findings(&root)[2].state, State::Fine);
    }

    #[cfg(unix)]
    #[test]
    fn the_group_of_a_device_is_told_by_its_name() {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().expect("a folder");
        let root = Root(folder.path().to_owned());
        write(&root, "dev/gpiochip0", "");
        assert_eq!(group_of(&root, "gpiochip0"), None, "without /etc/group");
        let number = std::fs::metadata(root.path("dev/gpiochip0")).expect("there").gid();
        write(&root, "etc/group", &format!("others:x:{}:\nmakers:x:{number}:ada,bob\n", number + 1));
        assert_eq!(group_of(&root, "gpiochip0").as_deref(), Some("makers"));
        assert_eq!(group_of(&root, "gpiochip1"), None);
    }

    #[test]
    fn a_device_that_does_not_open_is_a_problem() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root(folder.path().to_owned());
        std::fs::create_dir_all(root.path("dev/fb0")).expect("writable");
        let found = findings(&root);
        assert_eq!((found[0].part.as_str(), found[0].state), ("/dev/fb0", State::Problem));
    }
}
