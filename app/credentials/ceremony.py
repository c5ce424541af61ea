"""The WebAuthn L3 ceremonies as pure functions: options out, answers checked. Only here do we speak to the library."""

import hashlib
from collections.abc import Iterable
from typing import Any, cast

import msgspec
import webauthn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_authenticator_data,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import CollectedClientData, CredentialDeviceType
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.core.settings import Passkeys
from app.credentials.models import Passkey
from app.credentials.rules import (
    CHALLENGE_TTL,
    PasskeyMalformed,
    PasskeyRefused,
    UserNotVerified,
    WrongOrigin,
)
from app.credentials.schemas import (
    Assertion,
    CreationOptionsOut,
    DescriptorOut,
    KeyKindOut,
    Registration,
    RequestOptionsOut,
    RpOut,
    SelectionOut,
    UserOut,
)

ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
DECOY = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
"""Nobody's key: a passkey we do not know is checked against it, so that the refusal takes as long as that of one we know."""
PUBLIC_KEY_MAX = 2048
"""Bytes; an RSA key of 8192 bits needs half of that."""
TIMEOUT_MS = int(CHALLENGE_TTL.total_seconds() * 1000)


class Answer(Struct, frozen=True):
    """What can be read of an answer without knowing whose it is; nothing of it is proved yet."""

    challenge: bytes
    credential_id: bytes
    client: CollectedClientData


class Signed(Struct, frozen=True):
    """What a good signature stands for."""

    count: int
    handle: bytes
    """Whom the authenticator means; empty if it does not say."""
    synced: bool
    backed_up: bool


def creation_options(
    settings: Passkeys, challenge: bytes, handle: bytes, name: str, known: Iterable[Passkey]
) -> CreationOptionsOut:
    """For a passkey that can be found without naming the account, and that verifies who holds it."""
    return CreationOptionsOut(
        rp=RpOut(id=settings.rp_id, name=settings.rp_name),
        user=UserOut(id=bytes_to_base64url(handle), name=name, display_name=name),
        challenge=bytes_to_base64url(challenge),
        pub_key_cred_params=[KeyKindOut(type="public-key", alg=one.value) for one in ALGORITHMS],
        timeout=TIMEOUT_MS,
        exclude_credentials=list(map(_descriptor, known)),
        authenticator_selection=SelectionOut(
            resident_key="required", require_resident_key=True, user_verification="required"
        ),
        attestation="none",
    )


def request_options(settings: Passkeys, challenge: bytes, allowed: Iterable[Passkey] = ()) -> RequestOptionsOut:
    return RequestOptionsOut(
        challenge=bytes_to_base64url(challenge),
        timeout=TIMEOUT_MS,
        rp_id=settings.rp_id,
        allow_credentials=list(map(_descriptor, allowed)),
        user_verification="required",
    )


def read(credential: Registration | Assertion) -> Answer:
    """Raises PasskeyMalformed."""
    try:
        credential_id = base64url_to_bytes(credential.raw_id)
        client = parse_client_data_json(base64url_to_bytes(credential.response.client_data))
    except Exception as wrong:  # the library lets through what Python raises: ValueError, TypeError, RecursionError
        raise PasskeyMalformed(what="clientDataJSON") from wrong
    if credential.id != credential.raw_id or bytes_to_base64url(credential_id) != credential.id:
        raise PasskeyMalformed(what="id")
    return Answer(client.challenge, credential_id, client)


def registered(settings: Passkeys, answer: Answer, credential: Registration) -> VerifiedRegistration:
    """A new credential that fits what we asked for (WebAuthn L3 §7.1). Raises WrongOrigin, UserNotVerified, PasskeyRefused."""
    _check_origin(settings, answer)
    try:
        verified = webauthn.verify_registration_response(
            credential=_plain(credential),
            expected_challenge=answer.challenge,
            expected_rp_id=settings.rp_id,
            expected_origin=settings.origins,
            require_user_verification=False,
            supported_pub_key_algs=ALGORITHMS,
        )
        decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
    except Exception as wrong:  # beside its own errors the library lets KeyError, TypeError and more through
        raise PasskeyRefused from wrong
    if not verified.user_verified:
        raise UserNotVerified
    if verified.credential_id != answer.credential_id or len(verified.credential_public_key) > PUBLIC_KEY_MAX:
        raise PasskeyRefused
    return verified


def signed(settings: Passkeys, answer: Answer, credential: Assertion, public_key: bytes | None) -> Signed:
    """The signature is that key's, over what we asked for (WebAuthn L3 §7.2); the counter is for the caller to judge.

    Raises PasskeyMalformed, WrongOrigin, UserNotVerified, PasskeyRefused. Without a key it refuses, as late as with one.
    """
    _check_origin(settings, answer)
    try:
        flags = parse_authenticator_data(base64url_to_bytes(credential.response.authenticator_data)).flags
        handle = base64url_to_bytes(credential.response.user_handle or "")
    except Exception as wrong:  # as above
        raise PasskeyMalformed(what="authenticatorData") from wrong
    if not flags.uv:
        raise UserNotVerified
    try:
        verified: VerifiedAuthentication = webauthn.verify_authentication_response(
            credential=_plain(credential),
            expected_challenge=answer.challenge,
            expected_rp_id=settings.rp_id,
            expected_origin=settings.origins,
            credential_public_key=public_key or DECOY,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as wrong:  # as above
        raise PasskeyRefused from wrong
    if public_key is None:
        raise PasskeyRefused
    synced = verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    return Signed(verified.new_sign_count, handle, synced, verified.credential_backed_up)


def hash_of(challenge: bytes) -> bytes:
    """All that is stored of a challenge."""
    return hashlib.sha256(challenge).digest()


def _check_origin(settings: Passkeys, answer: Answer) -> None:
    """Ours, and not within another's page."""
    if answer.client.origin not in settings.origins or answer.client.cross_origin:
        raise WrongOrigin


def _plain(credential: Registration | Assertion) -> dict[str, Any]:
    return cast(dict[str, Any], msgspec.to_builtins(credential))


def _descriptor(passkey: Passkey) -> DescriptorOut:
    known_as = bytes_to_base64url(passkey.credential_id)
    return DescriptorOut(type="public-key", id=known_as, transports=passkey.transports)
