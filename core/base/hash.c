#include "base/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

struct nl_hash {
    EVP_MD_CTX *context;
};

struct nl_hash *nl_hash_start(void)
{
    struct nl_hash *hash = nl_alloc(1, sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    NL_ASSERT(hash->context && EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
    return hash;
}

void nl_hash_add(struct nl_hash *hash, const void *bytes, size_t length)
{
    NL_ASSERT(EVP_DigestUpdate(hash->context, bytes, length));
}

void nl_hash_finish(struct nl_hash *hash, char hex[NL_HASH_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    NL_ASSERT(EVP_DigestFinal_ex(hash->context, digest, &length) && 2 * length + 1 == NL_HASH_HEX);
    for (unsigned int i = 0; i < length; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * length] = '\0';
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void nl_hash_bytes(const void *bytes, size_t length, char hex[NL_HASH_HEX])
{
    struct nl_hash *hash = nl_hash_start();
    nl_hash_add(hash, bytes, length);
    nl_hash_finish(hash, hex);
}
