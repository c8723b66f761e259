from __future__ import annotations

from tests.crash.durability import Durability
from tests.crash.trace import read_trace

TRACE = """\
10 12:00:00.000001 openat(AT_FDCWD</work>, "/d/uploads/tmp-1", O_WRONLY|O_CREAT|O_EXCL, 0644) = 9</d/uploads/tmp-1>
10 12:00:00.000002 write(9</d/uploads/tmp-1>, "sha256:ab \\"x\\", ) = 5", 20) = 20
10 12:00:00.000003 fsync(9</d/uploads/tmp-1>) = 0
10 12:00:00.000004 mkdir("/d/repositories/a", 0777) = 0
10 12:00:00.000004 mkdir("/d/repositories/a/_tags", 0777) = 0
10 12:00:00.000005 rename("/d/uploads/tmp-1", "/d/repositories/a/_tags/latest") = 0
10 12:00:00.000006 fsync(9</d/repositories/a/_tags> <unfinished ...>
11 12:00:00.000007 write(5<anon_inode:[eventfd]>, "\\1\\0", 8) = 8
10 12:00:00.000008 <... fsync resumed>) = 0
10 12:00:00.000009 fsync(9</d/repositories/a>) = 0
10 12:00:00.000010 fsync(9</d/repositories>) = 0
12 12:00:00.000011 writev(7<socket:[1]>, [{"HTTP/1.1 201 Created\\r\\nlocation: /v2/a/manifests/latest\\r\\n"}], 1) = 60
10 12:00:00.000012 unlink("/d/repositories/a/_tags/latest") = 0
10 12:00:00.000013 fsync(9</d/repositories/a/_tags>) = 0
10 12:00:00.000014 rmdir("/d/repositories/a/_tags") = 0
12 12:00:00.000015 sendto(7<socket:[1]>, "HTTP/1.1 202 Accepted\\r\\n\\r\\n", 27, 0, NULL, 0) = 27
"""


def judge(trace: str, *, side_by_side: bool = False) -> Durability:
    return Durability("/d", side_by_side=side_by_side).follow(read_trace(trace.splitlines()))


def without(*numbers: int) -> str:
    return "\n".join(line for number, line in enumerate(TRACE.splitlines()) if number not in numbers)


def test_a_trace_in_order_has_no_violation() -> None:
    judged = judge(TRACE)
    assert judged.violations == []
    assert [(each.status, len(each.synced)) for each in judged.acknowledgements] == [(201, 4), (202, 1)]


def test_a_missing_fsync_of_the_data_is_seen() -> None:
    assert judge(without(2)).violations == [
        "uploads/tmp-1 became repositories/a/_tags/latest before its bytes were synced"
    ]


def test_a_missing_fsync_of_the_directory_is_seen_at_the_answer() -> None:
    assert judge(without(6, 8)).violations == [
        "acknowledgement 1 (201 of a/manifests/latest) came before the fsync of: repositories/a/_tags/latest placed"
    ]


def test_a_missing_fsync_of_a_parent_just_made_is_seen() -> None:
    assert judge(without(10)).violations[0] == (
        "acknowledgement 1 (201 of a/manifests/latest) came before the fsync of: repositories/a made"
    )


def test_a_removal_that_is_not_synced_is_seen_even_if_its_directory_is_removed_too() -> None:
    assert judge(without(13)).violations == [
        "acknowledgement 2 (202) came before the fsync of: repositories/a/_tags/latest removed"
    ]


def test_an_fsync_that_failed_counts_as_none() -> None:
    failed = TRACE.replace(
        "fsync(9</d/repositories>) = 0", "fsync(9</d/repositories>) = -1 EIO (Input/output error) (INJECTED)"
    )
    assert judge(failed).violations != []


def test_an_fsync_that_began_before_the_write_ended_does_not_cover_it() -> None:
    interrupted = (
        "write(9</d/uploads/tmp-1> <unfinished ...>\n"
        "99 fsync(9</d/uploads/tmp-1> <unfinished ...>\n"
        "10 <... write resumed>, "
    )
    synced_again = TRACE.replace("write(9</d/uploads/tmp-1>, ", interrupted)
    assert judge(synced_again).violations == []
    late = synced_again.replace("10 12:00:00.000003 fsync(9</d/uploads/tmp-1>) = 0", "99 <... fsync resumed>) = 0")
    assert len(judge(late).violations) == 1


def test_side_by_side_only_what_an_answer_names_must_last() -> None:
    digest = "ab" * 32
    answer = f"location: /v2/a/manifests/latest\\r\\ndocker-content-digest: sha256:{digest}\\r\\n"
    named = TRACE.replace("location: /v2/a/manifests/latest\\r\\n", answer)
    assert judge(named, side_by_side=True).violations == []
    other = named.replace("fsync(9</d/repositories/a>)", 'mkdir("/d/repositories/b", 0777)')
    assert judge(other, side_by_side=True).violations == [
        "acknowledgement 1 (201 of a/manifests/latest) came before the fsync of: repositories/a/_tags made"
    ]


def test_an_upload_must_last_with_its_first_bytes_and_not_before() -> None:
    begun = """\
10 12:00:00.000001 openat(AT_FDCWD</work>, "/d/uploads/u.s.o", O_WRONLY|O_CREAT|O_EXCL, 0644) = 9</d/uploads/u.s.o>
12 12:00:00.000002 writev(7<socket:[1]>, [{"HTTP/1.1 202 Accepted\\r\\nlocation: /v2/a/blobs/uploads/u\\r\\n"}], 1) = 60
10 12:00:00.000003 pwrite64(9</d/uploads/u.s.o>, "x", 1, 0) = 1
10 12:00:00.000004 fsync(9</d/uploads/u.s.o>) = 0
"""
    answer = """\
12 12:00:00.000009 writev(7<socket:[1]>, [{"HTTP/1.1 202 Accepted\\r\\nlocation: /v2/a/blobs/uploads/u\\r\\n"}], 1) = 60
"""
    synced = "10 12:00:00.000005 fsync(9</d/uploads>) = 0\n"
    for side_by_side in (True, False):
        assert judge(begun + synced + answer, side_by_side=side_by_side).violations == []
        assert judge(begun + answer, side_by_side=side_by_side).violations == [
            "acknowledgement 2 (202 of a/blobs/uploads/u) came before the fsync of: uploads/u.s.o made"
        ]
