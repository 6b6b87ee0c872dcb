"""A SCRAM-SHA-256 client of its own (RFC 5802, RFC 7677), octet by octet, so that a test can say what is wrong."""

import base64
import hashlib
import hmac


def b64(octets):
    return base64.b64encode(octets)


class Client:
    def __init__(self, name, password, binding=b"n", bound=b"", authzid=b""):
        """`binding` is the flag as it is sent, "p=tls-exporter" for one; `bound` what it is bound to."""
        self.password = password.encode()
        self.header = binding + b"," + (b"a=" + authzid if authzid else b"") + b","
        self.bound = bound
        self.bare = b"n=" + name.encode().replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=fyko+d2lbbFgONRv9qkxdawL"

    def first(self):
        return self.header + self.bare

    def final(self, challenge):
        """The client-final-message; what the server has to prove is kept."""
        fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
        self.salt, self.rounds = base64.b64decode(fields[b"s"], validate=True), int(fields[b"i"])
        assert fields[b"r"].startswith(b"fyko+d2lbbFgONRv9qkxdawL") and len(fields[b"r"]) > 40
        without = b"c=" + b64(self.header + self.bound) + b",r=" + fields[b"r"]
        signed = self.bare + b"," + challenge + b"," + without
        salted = hashlib.pbkdf2_hmac("sha256", self.password, self.salt, self.rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        self.server = b"v=" + b64(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256"))
        return without + b",p=" + b64(bytes(a ^ b for a, b in zip(key, signature)))
