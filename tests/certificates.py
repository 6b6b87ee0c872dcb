"""Certificates of all kinds for tests: chains, expired ones, wildcards, keys of others. Needs python3-cryptography."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificate:
    """A key and its certificate for `names`, signed by `issuer` (another one) or by itself; valid from `begins` to
    `ends` days from now."""

    def __init__(self, *names, begins=-1, ends=90, issuer=None, authority=False):
        now = datetime.datetime.utcnow()
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        self.issuer = issuer
        builder = (x509.CertificateBuilder()
                   .subject_name(subject)
                   .issuer_name(issuer.certificate.subject if issuer else subject)
                   .public_key(self.key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=begins))
                   .not_valid_after(now + datetime.timedelta(days=ends))
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True))
        self.certificate = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain(self):
        """As certbot's fullchain.pem: the certificate and those above it, the authority at the top left out."""
        return self.pem + (self.issuer.chain if self.issuer and self.issuer.issuer else b"")

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())

    def write(self, directory, name):
        """Writes NAME.pem and NAME.key; gives the lines of the configuration that name them."""
        (directory / f"{name}.pem").write_bytes(self.chain)
        (directory / f"{name}.key").write_bytes(self.key_pem)
        return f'\n[[tls.certificates]]\ncertificate = "{directory}/{name}.pem"\nkey = "{directory}/{name}.key"\n'
