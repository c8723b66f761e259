// The oracle of tests/oci/test_image.py: what github.com/distribution/reference, with which containerd and kubelet
// read image references, makes of a few thousand texts. It writes one JSON array a line:
//
//	[text, host, repository, tag, digest, pulled, familiar]   for a reference, with "" for what it has not
//	[text]                                                    for a text that is none
//
// host, repository, tag, digest and familiar are those of ParseNormalizedNamed, pulled is ParseDockerRef's.
// Whatever is not ASCII is escaped. The texts come from a fixed seed, so that the same program and library write the
// same file, and it is made again (Go >= 1.24) by
//
//	cd tests/oci/oracle && go run . > ../image_references.jsonl
package main

import (
	"bufio"
	"bytes"
	_ "crypto/sha256" // go-digest accepts the algorithms that are linked in, and runtimes link these
	_ "crypto/sha512"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"unicode/utf16"

	"github.com/distribution/reference"
)

const generated = 2000

var random = rand.New(rand.NewPCG(20, 26))

func main() {
	out := bufio.NewWriter(os.Stdout)
	seen := map[string]bool{}
	for _, text := range texts() {
		if seen[text] {
			continue
		}
		seen[text] = true
		fmt.Fprintln(out, line(read(text)))
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

func line(row []string) string {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(row); err != nil {
		log.Fatal(err)
	}
	var ascii strings.Builder
	for _, letter := range strings.TrimSpace(written.String()) {
		if letter < 0x7f {
			ascii.WriteRune(letter)
			continue
		}
		for _, half := range utf16.Encode([]rune{letter}) {
			fmt.Fprintf(&ascii, `\u%04x`, half)
		}
	}
	return ascii.String()
}

func read(text string) []string {
	named, err := reference.ParseNormalizedNamed(text)
	pulled, pullErr := reference.ParseDockerRef(text)
	if (err == nil) != (pullErr == nil) {
		log.Fatalf("%q: %v, but %v", text, err, pullErr)
	}
	if err != nil {
		return []string{text}
	}
	tag, digest := "", ""
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		digest = digested.Digest().String()
	}
	host, repository := reference.Domain(named), reference.Path(named)
	return []string{text, host, repository, tag, digest, pulled.String(), reference.FamiliarString(named)}
}

var (
	hex    = strings.Repeat("0123456789abcdef", 8)
	sha256 = "sha256:" + hex[:64]
	sha512 = "sha512:" + hex
	label  = strings.Repeat("a", 63)

	hosts = []string{
		"", "", "", "docker.io/", "index.docker.io/", "registry-1.docker.io/", "Docker.io/", "INDEX.DOCKER.IO/",
		"quay.io/", "QUAY.io/", "quay.io:5000/", "quay.io:443/", "quay.io.evil/", "ghcr.io/", "registry.k8s.io/",
		"localhost/", "localhost:5000/", "LOCALHOST/", "127.0.0.1:5000/", "[::1]/", "[fc00:1:2:3:4:5:6:7]:443/", "Registry/",
		// the 22 up to here are good ones, and so are the first 12 names, 8 tags and 4 digests
		"Localhost:5000/", "localhost.localdomain/", "local_host/", "127.0.0.1/", "10.0.0.256:80/", "[::1]:5000/",
		"[FE80::1]/", "[fe80::1%eth0]/", "[::ffff:192.0.2.33]:5000/", "[]/", "[:]/", "[::1/", "::1/", "::1]:5000/",
		"fc00::1:5000/", "registry/", "REGISTRY/", "registry:5000/", "registry:/", "registry:port/",
		"registry:123456789/", "registry:00/", "registry:-1/", "a.b/", "a..b/", ".a/", "a./", "a.b./", "-a.b/",
		"a-.b/", "a--b.c/", "a_b.c/", "a__b.c/", "a.b_c/", "a_b:80/", "A_b/", "a_B.c/", "xn--bcher-kva.example/",
		"b\u00fccher.example/", "user@host.example/", "user:pass@host.example/", "https://quay.io/", "docker://quay.io/",
		"//quay.io/", "/", "./", "../", "%71uay.io/", "quay.io\\/", "quay.io%2f", "docker.io./", "docker.io:443/",
		"docker.io:/", "docker/", "library/", "f/docker.io/", "trow.local/f/docker.io/", "1/", "0x7f.1/", "1.1/",
		label + ".example/", label + "a.example/", strings.Repeat("a.", 140) + "b/", "\u212a.io/", "\u017f.io/", "\u0130.io/",
	}
	names = []string{
		"nginx", "library/nginx", "a/b", "a/b/c", "library/a/b", "a_b", "a__b", "a.b/c", "a-b", "a--b/c.d", "localhost/a",
		"docker.io/a", "a/b/c/d/e/f/g", "library", "library/library",
		"NGINX", "Nginx", "a/B", "A/b", "a___b", "a.b", "a..b", "a-----b", "a._b", "a-_b",
		"a_-b", "-a", "a-", ".a", "a.", "_a", "a_", "a/", "/a", "a//b", "a/./b", "a/../b", "a/-b", "a/b-", "a b", " a",
		"a ", "a\n", "\na", "a\r\nb", "a\tb", "a\x00", "a\x00b", "a%2fb", "a\\b", "a+b", "a~b", "a*", "a?", "a#b", "a,b",
		"a;b", "a'b", "a\"b", "$(a)", "{a}", "<a>", "a|b", "a&b", "\u00e9", "a\u0301", "\u0430", "\uff41", "\u0661", "1", "0/0",
		"\u202ea", "\u200ba", "a\u00a0b", "\ufeffa", "\U0001f600", "\ufffd", "\u212a", "\u0131", "\u017f", "a\u2028b", "", ".",
		"localhost", "docker.io", "quay.io/a", "index.docker.io", "f/docker.io/a",
		hex[:63], hex[:64], hex[:65], strings.ToUpper(hex[:64]), "library/" + hex[:64], strings.Repeat("a", 64),
	}
	tags = []string{
		"", "", "", ":latest", ":1.0", ":v1_2-3.4", ":LATEST", ":0", ":_", ":-", ":.", ":.a", ":a.", ":a-", ":Z", ":5000", ":",
		"::", ":a:b", ":a/b", ":a b", ":a\n", ":\n", ":a\x00", ":\u00e9", ":\u0661", ":\u212a", ":a+b", ":a=b", ":@", ":%61",
		":" + strings.Repeat("t", 127), ":" + strings.Repeat("t", 128), ":" + strings.Repeat("t", 129), ":" + hex[:64],
		":sha256", ":sha256-" + hex[:64], " :a", ": a",
	}
	digests = []string{
		"", "", "", "@" + sha256, "@" + sha512, "@sha384:" + hex[:96], "@", "@@", "@" + sha256 + "@" + sha256, "@latest",
		"@sha256", "@sha256:", "@sha256:" + hex[:63], "@sha256:" + hex[:65], "@sha256:" + hex, "@sha512:" + hex[:64],
		"@sha384:" + hex[:64], "@sha1:" + hex[:40], "@md5:" + hex[:32], "@blake3:" + hex[:64], "@sha224:" + hex[:56],
		"@sha512-256:" + hex[:64], "@sha256+b64:" + hex[:64], "@sha3.256:" + hex[:64], "@SHA256:" + hex[:64],
		"@Sha256:" + hex[:64], "@sha256:" + strings.ToUpper(hex[:64]), "@sha256:" + hex[:63] + "g", "@sha256:" + hex[:63] + "F",
		"@sha256:" + hex[:64] + "\n", "@ sha256:" + hex[:64], "@sha256: " + hex[:63], "@sha256:" + hex[:64] + ":a",
		"@sha256:" + hex[:64] + "/a", "@" + hex[:64], "@:" + hex[:64], "@sha_256:" + hex[:64], "@256:" + hex[:64],
		"@sha256:" + hex[:60] + "\u0661\u0662", "@a+:" + hex[:64], "@sha256.:" + hex[:64],
	}
)

// texts are every host, every name, every tag and every digest with some plain others, long ones, and those that
// chance puts together and then breaks.
func texts() []string {
	all := []string{"", " ", "\n", "\x00", "@", ":", "/", ":/", "/:", "@:", ":@", "[", "]", "[]", "[]:", "a@", "a:", "a@b:c"}
	for _, host := range hosts {
		all = append(all, host, strings.TrimSuffix(host, "/"), host+"nginx", host+"a/b:1.0", host+"a@"+sha256)
	}
	for _, name := range names {
		all = append(all, name, "docker.io/"+name, "quay.io:5000/"+name+":1", "localhost/"+name+"@"+sha256)
	}
	for _, tag := range tags {
		all = append(all, "nginx"+tag, "quay.io/a/b"+tag+"@"+sha256)
	}
	for _, digest := range digests {
		all = append(all, "nginx"+digest, "[::1]:5000/a:1"+digest)
	}
	for _, long := range []int{246, 247, 248, 254, 255, 256, 300} {
		name := strings.Repeat("a", long)
		deep := strings.Repeat("a/", long/2)[:long-1] + "b"
		all = append(all, name, "library/"+name, "quay.io/"+name, "Q/"+name, "x/"+name, "quay.io/"+deep, name+".io/a")
	}
	all = append(all, strings.Repeat("a-", 500), strings.Repeat("/", 500), "quay.io/"+strings.Repeat("a", 1000)+"!")
	for range generated {
		all = append(all, broken(likely(hosts, 22)+likely(names, 12)+likely(tags, 8)+likely(digests, 4)))
	}
	return all
}

// likely picks one of the good ones, which come first, in nine cases of ten.
func likely(from []string, good int) string {
	if random.IntN(10) > 0 {
		return pick(from[:good])
	}
	return pick(from)
}

func pick(from []string) string {
	return from[random.IntN(len(from))]
}

var pieces = []string{
	"@", ":", "/", ".", "-", "_", "__", "--", "[", "]", "A", "z", "0", " ", "\n", "\x00", "\u00e9", "//", "::", ":80/", "%", "\u212a",
}

// broken is a text with none, one or two of its letters taken, doubled, put elsewhere or in capitals.
func broken(text string) string {
	letters := []rune(text)
	for range random.IntN(3) {
		if len(letters) == 0 {
			return ""
		}
		at := random.IntN(len(letters))
		head, tail := string(letters[:at]), string(letters[at+1:])
		here := string(letters[at])
		switch random.IntN(5) {
		case 0:
			here = ""
		case 1:
			here += here
		case 2:
			here = strings.ToUpper(here)
		case 3:
			here = pick(pieces)
		case 4:
			here += pick(pieces)
		}
		letters = []rune(head + here + tail)
	}
	return string(letters)
}
