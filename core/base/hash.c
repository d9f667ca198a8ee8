/* Wraps Nettle's SHA-256. */
#include "base/hash.h"

#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdlib.h>

#include "base/memory.h"

struct nl_hash {
    struct sha256_ctx context;
};

struct nl_hash *nl_hash_start(void)
{
    struct nl_hash *hash = nl_alloc(1, sizeof *hash);
    sha256_init(&hash->context);
    return hash;
}

void nl_hash_add(struct nl_hash *hash, const void *bytes, size_t length)
{
    sha256_update(&hash->context, length, bytes);
}

static void finish(struct nl_hash *hash, uint8_t digest[SHA256_DIGEST_SIZE])
{
#if NETTLE_VERSION_MAJOR < 4
    sha256_digest(&hash->context, SHA256_DIGEST_SIZE, digest);
#else
    sha256_digest(&hash->context, digest); /* always whole, since 4.0 */
#endif
    free(hash);
}

void nl_hash_finish(struct nl_hash *hash, char hex[NL_HASH_HEX])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    finish(hash, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * sizeof digest] = '\0';
}

void nl_hash_bytes(const void *bytes, size_t length, char hex[NL_HASH_HEX])
{
    struct nl_hash *hash = nl_hash_start();
    nl_hash_add(hash, bytes, length);
    nl_hash_finish(hash, hex);
}

void nl_hash_base64(const void *bytes, size_t length, char base64[NL_HASH_BASE64])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct nl_hash *hash = nl_hash_start();
    nl_hash_add(hash, bytes, length);
    finish(hash, digest);
    base64_encode_raw(base64, sizeof digest, digest);
    base64[NL_HASH_BASE64 - 1] = '\0';
}
