//! Address blocks in CIDR notation, and the arithmetic over several of them as one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::RouteError;

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    const fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// A block of `2^bits` addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    family: Family,
    /// The lowest address as a number.
    base: u128,
    /// Bits free to vary, 0..=128.
    bits: u32,
}

impl Block {
    /// `address/prefix`; a missing prefix is the whole address. Host bits are cleared.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (family, number) = match address.parse().ok()? {
            IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
            IpAddr::V6(address) => (Family::V6, u128::from(address)),
        };
        let prefix = match prefix {
            None => family.bits(),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        let bits = family.bits().checked_sub(prefix)?;
        let base = number.checked_shr(bits).map_or(0, |network| network << bits);
        Some(Self { family, base, bits })
    }

    /// Number of addresses; `None` is 2^128.
    fn size(&self) -> Option<u128> {
        1_u128.checked_shl(self.bits)
    }

    /// The address `offset` above the lowest; the caller keeps it inside the block.
    fn at(&self, offset: u128) -> IpAddr {
        let number = self.base | offset;
        match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from((number & u128::from(u32::MAX)) as u32)),
            Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }
}

/// Blocks of one family, numbered through from the first address of the first to the last of the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    blocks: Vec<Block>,
    size: Size,
}

impl Blocks {
    /// Reads blocks in CIDR notation.
    ///
    /// # Errors
    /// [`RouteError::Block`], [`RouteError::MixedFamilies`], or [`RouteError::NoBlocks`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut size = Size::default();
        for text in texts {
            let text = text.trim();
            let block = Block::parse(text).ok_or_else(|| RouteError::Block {
                text: text.to_owned(),
            })?;
            if blocks.first().is_some_and(|first| first.family != block.family) {
                return Err(RouteError::MixedFamilies);
            }
            size.add(block.size());
            blocks.push(block);
        }
        if blocks.is_empty() {
            return Err(RouteError::NoBlocks);
        }
        Ok(Self { blocks, size })
    }

    /// The family all blocks have.
    pub fn family(&self) -> Family {
        self.blocks.first().map_or(Family::V4, |block| block.family)
    }

    /// Number of addresses.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The address of an index; `None` beyond the last.
    pub fn at(&self, mut index: u128) -> Option<IpAddr> {
        for block in &self.blocks {
            match block.size() {
                Some(size) if index >= size => index -= size,
                _ => return Some(block.at(index)),
            }
        }
        None
    }
}

/// A number of addresses, exact beyond 2^128.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Multiples of 2^128.
    high: u32,
    low: u128,
}

impl Size {
    fn add(&mut self, count: Option<u128>) {
        let Some(count) = count else {
            self.high = self.high.saturating_add(1);
            return;
        };
        let (low, carry) = self.low.overflowing_add(count);
        self.low = low;
        self.high = self.high.saturating_add(u32::from(carry));
    }

    /// The number, or the largest `u128` when it is larger.
    pub fn saturating(self) -> u128 {
        if self.high > 0 { u128::MAX } else { self.low }
    }
}

impl std::fmt::Display for Size {
    /// Decimal. Schoolbook division of the number in 32-bit digits by 10^9.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const CHUNK: u64 = 1_000_000_000;
        let mut limbs = [self.high, 0, 0, 0, 0];
        for (index, limb) in limbs.iter_mut().skip(1).enumerate() {
            *limb = (self.low >> (96 - 32 * index)) as u32;
        }
        let mut chunks = Vec::new();
        while limbs.iter().any(|limb| *limb != 0) {
            let mut rest = 0;
            for limb in &mut limbs {
                let value = (rest << 32) | u64::from(*limb);
                *limb = (value / CHUNK) as u32;
                rest = value % CHUNK;
            }
            chunks.push(rest);
        }
        write!(f, "{}", chunks.pop().unwrap_or(0))?;
        chunks.iter().rev().try_for_each(|chunk| write!(f, "{chunk:09}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(texts: &[&str]) -> Blocks {
        Blocks::parse(texts.iter().copied()).unwrap()
    }

    #[test]
    fn blocks_are_numbered_through() {
        let blocks = blocks(&["10.0.0.7/30", "10.1.0.9", "192.168.0.0/31"]);
        let all: Vec<String> = (0..)
            .map_while(|index| blocks.at(index))
            .map(|a| a.to_string())
            .collect();
        assert_eq!(
            all,
            [
                "10.0.0.4",
                "10.0.0.5",
                "10.0.0.6",
                "10.0.0.7",
                "10.1.0.9",
                "192.168.0.0",
                "192.168.0.1"
            ]
        );
        assert_eq!(blocks.size().to_string(), "7");
        assert_eq!(blocks.family(), Family::V4);
    }

    #[test]
    fn sizes_are_exact_however_large() {
        for (texts, size) in [
            (&["2001:db8::/64"][..], "18446744073709551616"),
            (&["2001:db8::/48"], "1208925819614629174706176"),
            (&["::/0"], "340282366920938463463374607431768211456"),
            (
                &["::/0", "::/0", "::1"],
                "680564733841876926926749214863536422913",
            ),
            (&["::/1", "8000::/1"], "340282366920938463463374607431768211456"),
            (&["0.0.0.0/0"], "4294967296"),
            (&["2001:db8::1"], "1"),
        ] {
            assert_eq!(blocks(texts).size().to_string(), size, "{texts:?}");
        }
        let huge = blocks(&["2001:db8::/32"]);
        let last = (1 << 96) - 1;
        assert_eq!(
            huge.at(last).unwrap().to_string(),
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
        );
        assert_eq!(huge.at(last + 1), None);
        assert_eq!(
            blocks(&["::/0"]).at(u128::MAX).unwrap().to_string(),
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        );
    }

    #[test]
    fn what_is_no_block_is_named() {
        for bad in [
            "",
            "10.0.0",
            "10.0.0.300/24",
            "10.0.0.0/33",
            "::/129",
            "a/24",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "1/2/3",
        ] {
            let error = Blocks::parse([bad]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("Invalid IP Block '{bad}', make sure to provide a valid CIDR notation")
            );
        }
        assert_eq!(
            Blocks::parse(["10.0.0.0/8", "::/64"]).unwrap_err().to_string(),
            "All Ip Blocks must have the same type for a combined block"
        );
    }

    proptest! {
        #[test]
        fn small_sizes_print_as_the_number_itself(low: u128, high in 0_u32..1) {
            prop_assert_eq!(Size { high, low }.to_string(), low.to_string());
        }

        #[test]
        fn every_index_below_the_size_has_an_address_of_its_block(base: u128, prefix in 60_u32..=128, at: u128) {
            let text = format!("{}/{prefix}", Ipv6Addr::from(base));
            let blocks = blocks(&[&text]);
            let size = blocks.size().saturating();
            let Some(IpAddr::V6(address)) = blocks.at(at % size) else { panic!("no address") };
            prop_assert_eq!(u128::from(address).checked_shr(128 - prefix).unwrap_or(0), base.checked_shr(128 - prefix).unwrap_or(0));
            prop_assert_eq!(blocks.at(size), None);
        }
    }
}
