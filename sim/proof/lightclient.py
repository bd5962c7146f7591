"""A light client: it follows a foreign chain by headers and votes alone, starting from one header that it was told.

Trust moves as in Tendermint's light client (Braithwaite et al., "Tendermint Blockchain Synchronization", arXiv
2010.07031). The client trusts a header and the validators that it names. A later header is accepted when

1. the trusted header is younger than the trusting period, and the later one not further ahead of now than clocks drift;
2. it is final under the chain's protocol (`sim.proof.finality`) by the validators that it names itself;
3. if those are another set, more than a third of the *trusted* set, told by keys, signed it too: at most a third lie
   within the trusting period, so one that tells the truth vouches for the new set;
4. if it is the very next block, its parent is the trusted block; no block has an earlier time or a shorter log.

Heights may be skipped. A change of two thirds of the validators or more cannot be followed at once, only through
blocks in between or with a new header to trust.

Two different blocks, each final, at one height mean that more than a third of some set lied. The client then freezes:
it keeps both as `ForkEvidence`, which convinces whoever trusts one of the sets, and accepts nothing more.

Blocks that it accepted itself are remembered with their votes; the header that it started from came without any, so a
fork at that height can only be told to it by `LightClient.report`.

There is no clock here: ``now_ns`` comes from the caller, in nanoseconds from the epoch that the headers count from.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.proof import wire
from sim.proof.chain_errors import (
    ForkFound,
    FromTheFuture,
    Frozen,
    HeightNotAbove,
    MalformedTrust,
    TooLittleOverlap,
    TrustExpired,
    WentBackwards,
    WrongBlock,
    WrongChain,
    WrongValidators,
)
from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import rule_of
from sim.proof.header import BlockHeader
from sim.proof.suites import HashSuite
from sim.proof.validators import ValidatorSet

REMEMBERED = 256
"""Accepted blocks that are kept to recognise a fork: the latest ones."""

_check = wire.Checks(MalformedTrust)


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What a light client takes for granted about a chain.

    Attributes:
        chain: its id.
        suite: the hash of its headers, logs and states.
        protocol: its consensus protocol; one without finality certificates is refused.
        trusting_period_ns: how long after a block its validators are trusted; it should be well below the time in
            which a validator can leave and be out of reach.
        clock_drift_ns: how far ahead of the caller's clock a header's time may be.

    Raises:
        MalformedTrust: a field has the wrong type or range.
        UnknownProtocol, NoFinality: the protocol has no finality certificates.
    """

    chain: str
    suite: HashSuite
    protocol: str
    trusting_period_ns: int
    clock_drift_ns: int

    def __post_init__(self) -> None:
        _check.words("chain", self.chain)
        _check.words("protocol", self.protocol)
        _check.kind("suite", self.suite, HashSuite)
        rule_of(self.protocol)
        for name in ("trusting_period_ns", "clock_drift_ns"):
            _check.integer(name, getattr(self, name))
        if self.trusting_period_ns == 0:
            raise MalformedTrust("trusting_period_ns must be above 0")


class LightClient:
    """Follows one chain.

    Args:
        policy: what is taken for granted.
        header: the trusted header to start from.
        validators: the set that it names.

    Attributes:
        policy: as given.
        header: the latest trusted header.
        validators: the set that it names.
        evidence: the fork that froze the client; None as long as there is none.

    Raises:
        MalformedTrust: the header is not a header, or the set not a set.
        WrongChain: the header is of another chain.
        WrongValidators: the header names another set.
    """

    def __init__(self, policy: TrustPolicy, header: BlockHeader, validators: ValidatorSet) -> None:
        _check.kind("header", header, BlockHeader)
        _check.kind("validators", validators, ValidatorSet)
        if header.chain != policy.chain:
            raise WrongChain("header", header.chain, policy.chain)
        given = validators.hash(policy.suite)
        if header.validators_hash != given:
            raise WrongValidators(header.validators_hash, given)
        self.policy = policy
        self.header = header
        self.validators = validators
        self.evidence: ForkEvidence | None = None
        self._accepted: dict[int, Update] = {}

    def update(self, update: Update, now_ns: int) -> None:
        """Accept a final block, and trust it from now on.

        A block that is trusted already is checked again and changes nothing.

        Args:
            update: the final block and the validators that its header names.
            now_ns: the time.

        Raises:
            Frozen: a fork was seen before.
            TrustExpired: the trusted header is older than the trusting period.
            FromTheFuture: the block is further ahead of now than clocks may drift.
            HeightNotAbove: the block is another one at or below the trusted height, and shows no fork.
            TooLittleOverlap: of another set, a third of the trusted one or less signed.
            WentBackwards: the block has an earlier time or a shorter log than the trusted one.
            WrongBlock: it is the next block, but of another parent.
            ForkFound: another block was accepted at its height before, and both are final; the client is frozen now.
            ProofError: the block is not final, as `FinalBlock.check`.
        """
        _check.kind("update", update, Update)
        _check.integer("now_ns", now_ns)
        if self.evidence is not None:
            raise Frozen(self.evidence.height)
        self._check_times(update.header, now_ns)
        height, trusted = update.header.height, self.header.height
        if height < trusted or (height == trusted and update.header != self.header):
            self._refuse_old(update, now_ns)
        if height > trusted:
            self._check_order(update.header)
        self.check_final(update, self.validators)
        self._remember(update)

    def report(self, evidence: ForkEvidence, now_ns: int) -> None:
        """Take note of a fork that somebody else saw, and freeze.

        Args:
            evidence: two final blocks at one height, each with the set that it names.
            now_ns: the time.

        Raises:
            ForkFound: the evidence is good; the client is frozen now.
            Frozen: it was before.
            TrustExpired: the trusted header is older than the trusting period.
            ProofError: the evidence is not good, or of validators whom this client does not trust.
        """
        _check.kind("evidence", evidence, ForkEvidence)
        _check.integer("now_ns", now_ns)
        if self.evidence is not None:
            raise Frozen(self.evidence.height)
        self._check_age(now_ns)
        for update in (evidence.first, evidence.second):
            self.check_final(update, self.validators)
        self._freeze(evidence)

    def _check_age(self, now_ns: int) -> None:
        age_ns = now_ns - self.header.time_ns
        if age_ns >= self.policy.trusting_period_ns:
            raise TrustExpired(age_ns, self.policy.trusting_period_ns)

    def _check_times(self, header: BlockHeader, now_ns: int) -> None:
        self._check_age(now_ns)
        ahead_ns = header.time_ns - now_ns
        if ahead_ns > self.policy.clock_drift_ns:
            raise FromTheFuture(ahead_ns, self.policy.clock_drift_ns)

    def check_final(self, update: Update, trusted: ValidatorSet) -> None:
        """Accept only a block that is final by its own set, if enough of a trusted set stands behind that.

        Raises:
            TooLittleOverlap: of another set, a third of the trusted one or less signed.
            ProofError: the block is not final, as `FinalBlock.check`.
        """
        policy = self.policy
        # The cheap question comes first: whoever asks for a thousand signatures to be checked must have friends here.
        if update.validators != trusted:
            signed = trusted.count_keys(update.validators, update.block.signers)
            if 3 * signed <= len(trusted):
                raise TooLittleOverlap(signed, len(trusted))
        update.block.check(policy.suite, chain=policy.chain, protocol=policy.protocol, validators=update.validators)

    def _check_order(self, header: BlockHeader) -> None:
        trusted = self.header
        for name in ("time_ns", "log_size"):
            found, before = getattr(header, name), getattr(trusted, name)
            if found < before:
                raise WentBackwards(name, found, before)
        if header.height == trusted.height + 1:
            parent = trusted.digest(self.policy.suite)
            if header.parent != parent:
                raise WrongBlock("parent", header.parent.hex(), parent.hex())

    def _refuse_old(self, update: Update, now_ns: int) -> None:
        """A block at or below the trusted height: it shows a fork, or nothing."""
        height = update.header.height
        known = self._accepted.get(height)
        # The validators of a block past the trusting period may lie for nothing, so their votes show no fork.
        recent = known is not None and now_ns - known.header.time_ns < self.policy.trusting_period_ns
        if known is not None and recent and known.header != update.header:
            self.check_final(update, known.validators)
            self._freeze(ForkEvidence(known, update))
        raise HeightNotAbove(height, self.header.height)

    def _freeze(self, evidence: ForkEvidence) -> None:
        self.evidence = evidence
        first, second = (update.header.digest(self.policy.suite) for update in (evidence.first, evidence.second))
        raise ForkFound(evidence.height, first, second)

    def _remember(self, update: Update) -> None:
        self.header = update.header
        self.validators = update.validators
        self._accepted[update.header.height] = update
        if len(self._accepted) > REMEMBERED:
            del self._accepted[min(self._accepted)]
