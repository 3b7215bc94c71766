/*
 * A PKCS#11 module that stands in front of a real one, counts what is asked of it, and fails as tokens fail.
 *
 *   HCVX_SHIM_MODULE   the real module;
 *   HCVX_SHIM_FOLDER   the folder by which a test steers it; its files are read anew at each call.
 *
 * Files that a test writes. AT is the name of a function (`C_Sign`), one of its calls in this process
 * (`C_FindObjects#3`), or any call by its number (`#17`). A `C_Sign` that asks only for the length is `C_Sign?`.
 *
 *   remove       AT [CODE]          from this call on the token is out: no slot has a token, and every call to it gives
 *                                   CODE (hexadecimal, CKR_DEVICE_REMOVED unless told). It is in again once `remove`
 *                                   and `removed` are gone; sessions of before stay dead.
 *   sleep        AT [logout]        before this call all sessions are closed, or only the user is logged out.
 *   hang         AT                 this call never comes back.
 *   crash        AT                 this call writes to address 0.
 *   kill-before  AT [node]          the process is killed before the real call; with `node` its parent is, too.
 *   kill-after   AT [node]          the same after the real call.
 *   fail         AT CODE            this call gives CODE and nothing else is done.
 *   others       AT NUMBER          before this call another program has typed wrong PINs: so many in a row now.
 *   flip         BIT                this bit of each signature is turned over.
 *   latency      MILLISECONDS       each signature takes so much longer.
 *   no-mechanisms  [empty]          the list of mechanisms is not supported, or empty.
 *   no-flags                        the token's flags are all 0.
 *
 * Files that it writes:
 *
 *   calls        a line for each call: its name; for a signature also what was given to be signed, in hexadecimal;
 *   wrong-pins   how many wrong PINs in a row: at 1 the flags say COUNT_LOW, at 2 FINAL_TRY, at 3 LOCKED, for good;
 *   removed      the token is out.
 *
 * Source: PKCS #11 v2.40, pkcs11t.h and pkcs11f.h: types, numbers and the order of the functions.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* CK_ULONG, all handles and all pointers have this size; CK_BBOOL, the only smaller argument, travels in one, too. */
typedef unsigned long Word;
typedef unsigned long Result;

enum {
    CKR_OK = 0x00,
    CKR_GENERAL_ERROR = 0x05,
    CKR_DEVICE_REMOVED = 0x32,
    CKR_FUNCTION_NOT_SUPPORTED = 0x54,
    CKR_PIN_INCORRECT = 0xA0,
    CKR_PIN_LOCKED = 0xA4,
    CKR_SESSION_HANDLE_INVALID = 0xB3,
    CKR_TOKEN_NOT_PRESENT = 0xE0,
    CKU_USER = 1,
    CKF_TOKEN_PRESENT = 0x01,
    CKF_USER_PIN_COUNT_LOW = 0x00010000,
    CKF_USER_PIN_FINAL_TRY = 0x00020000,
    CKF_USER_PIN_LOCKED = 0x00040000,
    TRIES = 3,
};

typedef struct {
    unsigned char description[64], manufacturer[32];
    Word flags;
} SlotInfo;

typedef struct {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    Word flags;
} TokenInfo;

typedef void (*Function)(void);

/* Name and number of arguments, in the order of CK_FUNCTION_LIST. */
#define FUNCTIONS(F) \
    F(C_Initialize, 1) F(C_Finalize, 1) F(C_GetInfo, 1) F(C_GetFunctionList, 1) F(C_GetSlotList, 3) \
    F(C_GetSlotInfo, 2) F(C_GetTokenInfo, 2) F(C_GetMechanismList, 3) F(C_GetMechanismInfo, 3) F(C_InitToken, 4) \
    F(C_InitPIN, 3) F(C_SetPIN, 5) F(C_OpenSession, 5) F(C_CloseSession, 1) F(C_CloseAllSessions, 1) \
    F(C_GetSessionInfo, 2) F(C_GetOperationState, 3) F(C_SetOperationState, 5) F(C_Login, 4) F(C_Logout, 1) \
    F(C_CreateObject, 4) F(C_CopyObject, 5) F(C_DestroyObject, 2) F(C_GetObjectSize, 3) F(C_GetAttributeValue, 4) \
    F(C_SetAttributeValue, 4) F(C_FindObjectsInit, 3) F(C_FindObjects, 4) F(C_FindObjectsFinal, 1) \
    F(C_EncryptInit, 3) F(C_Encrypt, 5) F(C_EncryptUpdate, 5) F(C_EncryptFinal, 3) F(C_DecryptInit, 3) \
    F(C_Decrypt, 5) F(C_DecryptUpdate, 5) F(C_DecryptFinal, 3) F(C_DigestInit, 2) F(C_Digest, 5) \
    F(C_DigestUpdate, 3) F(C_DigestKey, 2) F(C_DigestFinal, 3) F(C_SignInit, 3) F(C_Sign, 5) F(C_SignUpdate, 3) \
    F(C_SignFinal, 3) F(C_SignRecoverInit, 3) F(C_SignRecover, 5) F(C_VerifyInit, 3) F(C_Verify, 5) \
    F(C_VerifyUpdate, 3) F(C_VerifyFinal, 3) F(C_VerifyRecoverInit, 3) F(C_VerifyRecover, 5) \
    F(C_DigestEncryptUpdate, 5) F(C_DecryptDigestUpdate, 5) F(C_SignEncryptUpdate, 5) F(C_DecryptVerifyUpdate, 5) \
    F(C_GenerateKey, 5) F(C_GenerateKeyPair, 8) F(C_WrapKey, 6) F(C_UnwrapKey, 8) F(C_DeriveKey, 6) \
    F(C_SeedRandom, 3) F(C_GenerateRandom, 3) F(C_GetFunctionStatus, 1) F(C_CancelFunction, 1) \
    F(C_WaitForSlotEvent, 3)

#define AS_INDEX(name, count) I_##name,
enum { FUNCTIONS(AS_INDEX) ALL };

#define AS_NAME(name, count) #name,
static const char *const names[ALL] = {FUNCTIONS(AS_NAME)};

#define AS_COUNT(name, count) count,
static const int counts[ALL] = {FUNCTIONS(AS_COUNT)};

typedef struct {
    unsigned char version[2];
    Function functions[ALL];
} FunctionList;

/* PKCS#11 packs nothing on Unix: the pointers begin at the first address that is theirs. */
_Static_assert(offsetof(FunctionList, functions) == sizeof(Function), "the layout of CK_FUNCTION_LIST");

static FunctionList *real;
static FunctionList mine;

/* What this process has seen so far. */
static int calls_made, calls_of[ALL + 1];
static Word slot_used;
static int had_session, sessions_are_dead;

static char *path_of(char *path, size_t size, const char *name)
{
    const char *folder = getenv("HCVX_SHIM_FOLDER");
    snprintf(path, size, "%s/%s", folder ? folder : "/nonexistent", name);
    return path;
}

/* Reads a file of the folder as text; gives whether it is there. */
static int read_control(const char *name, char *text, size_t size)
{
    char path[4096];
    int file = open(path_of(path, sizeof path, name), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, size - 1);
    text[length > 0 ? length : 0] = 0;
    close(file);
    return 1;
}

static void write_control(const char *name, const char *text, int append)
{
    char path[4096];
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
    int file = open(path_of(path, sizeof path, name), flags, 0600);
    /* One write for a line: it stays whole, even if the process is killed right after it. */
    if (file < 0 || write(file, text, strlen(text)) < 0)
        abort();
    close(file);
}

/* Whether this fault is meant for this call; `argument` gets the second word of its file, or is left empty. */
static int is_due(const char *fault, const char *name, int number_of_name, char *argument)
{
    char text[256], at[128] = "";
    argument[0] = 0;
    if (!read_control(fault, text, sizeof text) || sscanf(text, "%127s %63s", at, argument) < 1)
        return 0;
    char *mark = strchr(at, '#');
    int number = mark ? atoi(mark + 1) : 0;
    if (mark)
        *mark = 0;
    if (at[0] && strcmp(at, name) != 0)
        return 0;
    return number == 0 || number == (at[0] ? number_of_name : calls_made);
}

static int wrong_pins(void)
{
    char text[32];
    return read_control("wrong-pins", text, sizeof text) ? atoi(text) : 0;
}

static void set_wrong_pins(int number)
{
    char text[32];
    snprintf(text, sizeof text, "%d\n", number);
    write_control("wrong-pins", text, 0);
}

static void note_call(const char *name, const Word *a, int is_signature)
{
    char line[4096];
    int length = snprintf(line, sizeof line, is_signature ? "%s " : "%s", name);
    const unsigned char *data = (const unsigned char *)a[1];
    for (Word place = 0; is_signature && place < a[2] && length < (int)sizeof line - 4; place++)
        length += sprintf(line + length, "%02x", data[place]);
    strcpy(line + length, "\n");
    write_control("calls", line, 1);
}

static void kill_process(const char *whom)
{
    if (strcmp(whom, "node") == 0 && getppid() > 1)
        kill(getppid(), SIGKILL);
    kill(getpid(), SIGKILL);
}

static Result pass_on(int index, const Word *a)
{
    Function f = real->functions[index];
    switch (counts[index]) {
    case 1: return ((Result(*)(Word))f)(a[0]);
    case 2: return ((Result(*)(Word, Word))f)(a[0], a[1]);
    case 3: return ((Result(*)(Word, Word, Word))f)(a[0], a[1], a[2]);
    case 4: return ((Result(*)(Word, Word, Word, Word))f)(a[0], a[1], a[2], a[3]);
    case 5: return ((Result(*)(Word, Word, Word, Word, Word))f)(a[0], a[1], a[2], a[3], a[4]);
    case 6: return ((Result(*)(Word, Word, Word, Word, Word, Word))f)(a[0], a[1], a[2], a[3], a[4], a[5]);
    default:
        return ((Result(*)(Word, Word, Word, Word, Word, Word, Word, Word))f)(
            a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    }
}

/* A token that locks after three wrong PINs, whatever the real one does. */
static Result log_in(const Word *a)
{
    if (a[1] == CKU_USER && wrong_pins() >= TRIES)
        return CKR_PIN_LOCKED;
    Result result = pass_on(I_C_Login, a);
    if (a[1] == CKU_USER && (result == CKR_OK || result == CKR_PIN_INCORRECT))
        set_wrong_pins(result == CKR_OK ? 0 : wrong_pins() + 1);
    return result;
}

static Result token_info(const Word *a)
{
    char text[8];
    Result result = pass_on(I_C_GetTokenInfo, a);
    TokenInfo *info = (TokenInfo *)a[1];
    if (result != CKR_OK)
        return result;
    int wrong = wrong_pins();
    info->flags &= ~(Word)(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
    if (wrong > 0)
        info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (wrong == TRIES - 1)
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    if (wrong >= TRIES)
        info->flags |= CKF_USER_PIN_LOCKED;
    if (read_control("no-flags", text, sizeof text))
        info->flags = 0;
    return CKR_OK;
}

static Result mechanism_list(const Word *a)
{
    char text[16];
    if (!read_control("no-mechanisms", text, sizeof text))
        return pass_on(I_C_GetMechanismList, a);
    if (strncmp(text, "empty", 5) != 0)
        return CKR_FUNCTION_NOT_SUPPORTED;
    *(Word *)a[2] = 0;
    return CKR_OK;
}

static Result sign(const Word *a)
{
    char text[32];
    Result result = pass_on(I_C_Sign, a);
    if (!a[3] || result != CKR_OK)
        return result;
    if (read_control("latency", text, sizeof text)) {
        long milliseconds = atol(text);
        struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    if (read_control("flip", text, sizeof text)) {
        Word bit = strtoul(text, NULL, 10) % (*(Word *)a[4] * 8);
        ((unsigned char *)a[3])[bit / 8] ^= 1 << bit % 8;
    }
    return result;
}

/* What is left of a module whose token is out: its lists work and are empty, all else says so. */
static Result without_token(int index, const Word *a, Result code)
{
    sessions_are_dead = had_session;
    switch (index) {
    case I_C_Initialize: case I_C_Finalize: case I_C_GetInfo: case I_C_GetFunctionList:
        return pass_on(index, a);
    case I_C_GetSlotList:
        if (!(unsigned char)a[0])
            return pass_on(index, a);
        *(Word *)a[2] = 0;
        return CKR_OK;
    case I_C_GetSlotInfo: {
        Result result = pass_on(index, a);
        if (result == CKR_OK)
            ((SlotInfo *)a[1])->flags &= ~(Word)CKF_TOKEN_PRESENT;
        return result;
    }
    case I_C_GetTokenInfo: case I_C_GetMechanismList: case I_C_GetMechanismInfo: case I_C_OpenSession:
        return CKR_TOKEN_NOT_PRESENT;
    default:
        return code;
    }
}

static Result with_token(int index, const Word *a)
{
    /* A session does not come back with the token. */
    if (sessions_are_dead && index > I_C_OpenSession && index < I_C_WaitForSlotEvent && index != I_C_CloseAllSessions)
        return CKR_SESSION_HANDLE_INVALID;
    switch (index) {
    case I_C_OpenSession: {
        Result result = pass_on(index, a);
        slot_used = a[0];
        had_session = 1;
        if (result == CKR_OK)
            sessions_are_dead = 0;
        return result;
    }
    case I_C_GetTokenInfo: return token_info(a);
    case I_C_GetMechanismList: return mechanism_list(a);
    case I_C_Login: return log_in(a);
    case I_C_Sign: return sign(a);
    default: return pass_on(index, a);
    }
}

static Result call(int index, const Word *a)
{
    char argument[64], text[32];
    int is_query = index == I_C_Sign && !a[3];
    const char *name = is_query ? "C_Sign?" : names[index];
    int number = ++calls_of[is_query ? ALL : index];
    calls_made++;
    note_call(name, a, index == I_C_Sign && !is_query);
    if (is_due("kill-before", name, number, argument))
        kill_process(argument);
    if (is_due("crash", name, number, argument))
        *(volatile int *)0 = 0;
    if (is_due("hang", name, number, argument))
        for (;;)
            pause();
    if (is_due("others", name, number, argument))
        set_wrong_pins(atoi(argument));
    if (is_due("fail", name, number, argument))
        return strtoul(argument, NULL, 16);
    if (is_due("remove", name, number, argument))
        write_control("removed", argument, 0);
    if (read_control("removed", text, sizeof text))
        return without_token(index, a, text[0] ? strtoul(text, NULL, 16) : CKR_DEVICE_REMOVED);
    if (is_due("sleep", name, number, argument) && had_session) {
        int is_logout = strcmp(argument, "logout") == 0;
        Word what[8] = {is_logout ? a[0] : slot_used};
        pass_on(is_logout ? I_C_Logout : I_C_CloseAllSessions, what);
    }
    Result result = with_token(index, a);
    if (is_due("kill-after", name, number, argument))
        kill_process(argument);
    return result;
}

#define TAKES_1 Word a
#define TAKES_2 TAKES_1, Word b
#define TAKES_3 TAKES_2, Word c
#define TAKES_4 TAKES_3, Word d
#define TAKES_5 TAKES_4, Word e
#define TAKES_6 TAKES_5, Word f
#define TAKES_8 TAKES_6, Word g, Word h
#define GIVES_1 a
#define GIVES_2 GIVES_1, b
#define GIVES_3 GIVES_2, c
#define GIVES_4 GIVES_3, d
#define GIVES_5 GIVES_4, e
#define GIVES_6 GIVES_5, f
#define GIVES_8 GIVES_6, g, h
#define AS_WRAPPER(name, count) \
    static Result shim_##name(TAKES_##count) \
    { \
        Word arguments[8] = {GIVES_##count}; \
        return call(I_##name, arguments); \
    }
FUNCTIONS(AS_WRAPPER)

#define AS_ENTRY(name, count) (Function)shim_##name,
static const Function wrappers[ALL] = {FUNCTIONS(AS_ENTRY)};

__attribute__((visibility("default"))) Result C_GetFunctionList(FunctionList **list)
{
    const char *path = getenv("HCVX_SHIM_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    Result (*entry)(FunctionList **) = NULL;
    if (module)
        *(void **)&entry = dlsym(module, "C_GetFunctionList");
    if (!entry || entry(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    memcpy(mine.version, real->version, sizeof mine.version);
    memcpy(mine.functions, wrappers, sizeof mine.functions);
    *list = &mine;
    return CKR_OK;
}
