"""An issuer of tokens on loopback, in Google's place: signs them, and serves the key they name."""

import base64
import hashlib
import http.server
import json
import threading
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Issuer:
    """One key, made for this run, at `url`."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self.key.public_key().public_numbers()
        modulus, exponent = numbers.n.to_bytes(256), numbers.e.to_bytes(3)
        self.key_id = hashlib.sha256(modulus).hexdigest()[:40]
        jwk = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.key_id}
        keys = json.dumps({"keys": [jwk | {"n": encode(modulus), "e": encode(exponent)}]}).encode()
        issuer = self
        self.is_away = False
        self.asked = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(503 if issuer.is_away else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(keys)))
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/oauth2/v3/certs"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops serving."""
        self.server.shutdown()
        self.server.server_close()

    def token(self, audience: str, account: str, **claims: Any) -> str:
        """A token as Google signs it for a push, with these claims in the place of its own."""
        now = int(time.time())
        own = {
            "aud": audience,
            "azp": "111111111111111111111",
            "email": account,
            "email_verified": True,
            "exp": now + 3600,
            "iat": now,
            "iss": "https://accounts.google.com",
            "sub": "111111111111111111111",
        }
        header = {"alg": "RS256", "kid": self.key_id, "typ": "JWT"}
        parts = (encode(json.dumps(it).encode()) for it in (header, own | claims))
        message = ".".join(parts)
        signature = self.key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{message}.{encode(signature)}"


def encode(content: bytes) -> str:
    """Base64 as it is in tokens."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
