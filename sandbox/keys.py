"""Keys of the sandbox, made at its first start and kept in its folder: signing keys, a certificate authority, a service
account."""

import datetime
import ipaddress
import json
import uuid
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc.jwk import RSAKey

PROJECT = "khue-sandbox"


class Keys:
    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.signing = RSAKey.import_key(
            self._pem("signing.pem"), parameters={"kid": "sandbox-1", "use": "sig", "alg": "RS256"}
        )
        self.service = RSAKey.import_key(self._pem("service.pem"))
        self.certificate, self.certificate_key = self._certificate()
        self._service_account(port)

    def _pem(self, name: str) -> str:
        path = self._folder / name
        if not path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            _keep(path, _private(key))
        return path.read_text()

    def _service_account(self, port: int) -> None:
        """As Google hands it out, but its `token_uri` leads here."""
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "sandbox",
            "private_key": (self._folder / "service.pem").read_text(),
            "client_email": f"push@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"http://127.0.0.1:{port}/fcm/token",
        }
        _keep(self._folder / "service-account.json", json.dumps(account).encode())

    def _certificate(self) -> tuple[Path, Path]:
        """A certificate for the loopback address under an authority of our own (`ca.pem`)."""
        certificate, key = self._folder / "server.pem", self._folder / "server-key.pem"
        if certificate.exists():
            return certificate, key
        authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Khuê sandbox {uuid.uuid4().hex[:8]}")])
        authority = (
            _builder(name, name, authority_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        addresses = [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.DNSName("localhost"),
            x509.DNSName("sandbox"),
        ]
        server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        server = (
            _builder(server_name, name, server_key.public_key())
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        (self._folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        _keep(key, _private(server_key))
        certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
        return certificate, key


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _keep(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
