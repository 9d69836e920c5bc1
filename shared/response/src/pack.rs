//! What is denied where there is not room for all of it.
//!
//! Promises that nothing is denied which is not wanted: prefixes are joined only where all of what
//! they hold is wanted, and never into more than a /24 or a /48. Where that does not suffice, what
//! has the lowest score goes first. The same wishes give the same answer, in whatever order.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use callerwatch_detection::timestamp::Timestamp;
use ipnet::IpNet;

use crate::document;
use crate::guard::{V4_SHORTEST, V6_SHORTEST};
use crate::target::Room;

/// What somebody wants to be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The network.
    pub network: IpNet,
    /// How much it is worth.
    pub score: u8,
    /// Until when it is denied; of equals the one that lasts longer stays.
    pub until: Timestamp,
}

/// What is to be denied in a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// What is to be put there, beside what others put there.
    pub networks: BTreeSet<IpNet>,
    /// Of these, what stands for several, and for how many.
    pub joined: Vec<(IpNet, usize)>,
    /// What others deny there already.
    pub foreign: BTreeSet<IpNet>,
    /// What has no room, the highest score first.
    pub dropped: Vec<Dropped>,
}

/// What has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The network.
    pub network: IpNet,
    /// Its score.
    pub score: u8,
    /// The least score of what stays.
    pub least: u8,
}

/// Networks that stand or fall together, since one prefix is all of them.
struct Block {
    prefix: IpNet,
    members: Vec<Wanted>,
}

/// Packs what is wanted into the room that `foreign` leaves.
pub fn pack(wanted: &[Wanted], foreign: &BTreeSet<IpNet>, room: Room) -> Packed {
    let mut packed = Packed::default();
    let mut own = Vec::new();
    let held = IpNet::aggregate(&foreign.iter().copied().collect());
    for it in wanted {
        if held.iter().any(|other| other.contains(&it.network)) {
            packed.foreign.insert(it.network);
        } else {
            own.push(*it);
        }
    }
    let mut left = Left::of(room);
    if !foreign.iter().all(|network| left.take(network)) {
        left = Left { prefixes: 0, characters: 0 };
    }
    let mut as_they_are = left;
    if own.iter().all(|it| as_they_are.take(&it.network)) {
        packed.networks = own.iter().map(|it| it.network).collect();
        return packed;
    }
    let mut blocks = blocks(&own);
    // What holds the highest score stays, and whatever it stands for with it: to leave a part of it
    // out would take more room, not less.
    blocks.sort_by_key(|block| Reverse(block.rank()));
    let kept = blocks.iter().take_while(|block| left.take(&block.prefix)).count();
    let dropped = blocks.split_off(kept);
    let least = blocks.last().map_or(u8::MAX, |block| block.rank().0);
    for block in blocks {
        packed.networks.insert(block.prefix);
        if block.members.len() > 1 {
            packed.joined.push((block.prefix, block.members.len()));
        }
    }
    packed.joined.sort_unstable();
    let members = dropped.into_iter().flat_map(|block| block.members);
    packed.dropped =
        members.map(|it| Dropped { network: it.network, score: it.score, least }).collect();
    packed.dropped.sort_by_key(|it| (Reverse(it.score), it.network));
    packed
}

/// The fewest prefixes that are exactly what is wanted, each with what it holds.
fn blocks(wanted: &[Wanted]) -> Vec<Block> {
    let joined = IpNet::aggregate(&wanted.iter().map(|it| it.network).collect());
    let split = joined.into_iter().flat_map(|prefix| {
        let shortest = if matches!(prefix, IpNet::V4(_)) { V4_SHORTEST } else { V6_SHORTEST };
        prefix.subnets(shortest.max(prefix.prefix_len())).into_iter().flatten()
    });
    let mut blocks: Vec<Block> =
        split.map(|prefix| Block { prefix, members: Vec::new() }).collect();
    blocks.sort_by_key(|block| block.prefix);
    for it in wanted {
        let behind = blocks.partition_point(|block| block.prefix.network() <= it.network.network());
        if let Some(block) = behind.checked_sub(1).and_then(|at| blocks.get_mut(at)) {
            block.members.push(*it);
        }
    }
    blocks
}

impl Block {
    /// What it is worth: its highest score, then how long that lasts, then its place.
    fn rank(&self) -> (u8, Timestamp, Reverse<IpNet>) {
        let best = self.members.iter().map(|it| (it.score, it.until)).max();
        let (score, until) = best.unwrap_or((0, Timestamp::MAX));
        (score, until, Reverse(self.prefix))
    }
}

/// The room that is left.
#[derive(Clone, Copy)]
struct Left {
    prefixes: usize,
    characters: usize,
}

impl Left {
    fn of(room: Room) -> Self {
        match room {
            Room::Prefixes(prefixes) => Self { prefixes, characters: usize::MAX },
            Room::Characters(characters) => Self { prefixes: usize::MAX, characters },
        }
    }

    /// Takes what a prefix needs, if there is so much.
    fn take(&mut self, network: &IpNet) -> bool {
        let text = document::text_of(network).len() + 3;
        let left = self.prefixes.checked_sub(1).zip(self.characters.checked_sub(text));
        let Some((prefixes, characters)) = left else { return false };
        (self.prefixes, self.characters) = (prefixes, characters);
        true
    }
}

#[cfg(test)]
mod tests;
