package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/mirror"
)

func TestWhatOneClientClosesAnotherReads(t *testing.T) {
	w := newWorld(t)
	one, two := w.client(), w.client()
	require.NoError(t, one.mount(w.spec.ID+":/", "tls"))
	require.NoError(t, two.mount(w.spec.ID, "rw"))
	for range 20 {
		one.must("date +%s%N > file")
		require.Equal(t, one.must("cat file"), two.must("cat file"))
	}
	one.must("head -c 3000000 /dev/urandom > big && sync big")
	require.Equal(t, one.must("sha256sum < big"), two.must("sha256sum < big"))
	one.must("mkdir -p d/e && mv file d/e/moved && ln d/e/moved hard && ln -s d/e/moved soft")
	require.Equal(t, two.must("cat d/e/moved"), two.must("cat soft"))
	require.Equal(t, "2", two.must("stat -c %h hard"))

	// An exclusive creation has one winner.
	one.must("set -C; echo one > only")
	_, err := two.sh("set -C; echo two > only")
	require.Error(t, err)

	// Advisory locks hold between instances.
	holding := one.command("flock", one.dir+"/lock", "sleep", "2")
	require.NoError(t, holding.Start())
	require.Eventually(t, func() bool { _, err := two.sh("flock -n lock true"); return err != nil }, 5*time.Second, 20*time.Millisecond, "the lock is not seen")
	require.NoError(t, holding.Wait())
	two.must("flock -n lock true")

	// Users keep their names, and modes are checked.
	one.must("install -d -m 0700 -o 1234 -g 1234 private")
	_, err = two.sh("setpriv --reuid=4321 --regid=4321 --clear-groups ls private")
	require.Error(t, err)
	two.must("setpriv --reuid=1234 --regid=1234 --clear-groups touch private/mine")
	require.Equal(t, "1234", one.must("stat -c %u private/mine"))
}

func TestAnAccessPointIsARootAndAUser(t *testing.T) {
	w := newWorld(t)
	plain, c := w.client(), w.client()
	require.NoError(t, plain.mount(w.spec.ID, "tls"))
	require.NoError(t, c.mount(w.spec.ID+":/", "tls,accesspoint=fsap-1"))
	c.must("echo hello > f && mkdir sub")
	require.Equal(t, "1500 1500", plain.must("stat -c '%u %g' haven/f"))
	require.Equal(t, "750", plain.must("stat -c %a haven"))
	plain.must("echo secret > outside && chmod 600 outside")
	_, err := c.sh("cat ../outside")
	require.Error(t, err)
	_, err = c.sh("chown 0:0 f")
	require.Error(t, err, "the access point's user is not root")
	c.must("setpriv --reuid=77 --regid=77 --clear-groups touch any") // any local user acts as the access point's
	require.ErrorContains(t, w.client().mount(w.spec.ID, "tls,accesspoint=fsap-none"), "no access point")
	require.ErrorContains(t, w.client().mount("fs-00000000000000000", "tls"), "another file system")

	// A link cannot lead a later mount out of the file system.
	plain.must("ln -s /etc escape")
	require.Error(t, w.client().mount(w.spec.ID+":/escape", "tls"))
}

func TestALostZoneIsServedHealedAndScrubbed(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	require.NoError(t, c.mount(w.spec.ID, "tls"))
	c.must("for i in $(seq 40); do head -c 500000 /dev/urandom > before$i; done; sha256sum before* > sums; sync sums")

	w.spec.Lost = []string{"b"}
	w.apply()
	require.Equal(t, mirror.DeviceLost, w.devices()["b"])
	c.must("sync; echo 3 > /proc/sys/vm/drop_caches; sha256sum -c --quiet sums")
	c.must("for i in $(seq 20); do head -c 500000 /dev/urandom > during$i; sync during$i; done; sha256sum during* >> sums; sync sums")

	w.spec.Lost = nil
	w.apply()
	require.Eventually(t, func() bool { return w.devices()["b"] == mirror.DeviceHealthy }, 60*time.Second, 20*time.Millisecond, "%+v", w.manager.Observe())
	require.NoError(t, w.manager.Scrub(context.Background(), w.spec.ID))

	// What was healed is worth it: now another copy may go.
	w.spec.Lost = []string{"a"}
	w.apply()
	c.must("sync; echo 3 > /proc/sys/vm/drop_caches; sha256sum -c --quiet sums")
}

func TestDataOutlivesTheManagerAndALossOutlivesItToo(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	require.NoError(t, c.mount(w.spec.ID, "tls"))
	c.must("head -c 2000000 /dev/urandom > f && sha256sum f > sum && sync f sum")
	w.spec.Lost = []string{"a"}
	w.apply()
	require.NoError(t, w.manager.Close())
	w.open()
	require.Equal(t, map[string]mirror.DeviceState{"a": "lost", "b": "healthy", "c": "healthy"}, w.devices())
	again := w.client()
	require.NoError(t, again.mount(w.spec.ID, "tls"))
	again.must("sha256sum -c --quiet sum")
	w.spec.Lost = nil
	w.apply()
	require.Eventually(t, func() bool { return w.devices()["a"] == mirror.DeviceHealthy }, 60*time.Second, 20*time.Millisecond, "%+v", w.manager.Observe())
	again.must("sha256sum -c --quiet sum")
	// The first client's mount came back by itself over the dead one.
	require.Eventually(t, func() bool { _, err := c.sh("sha256sum -c --quiet sum"); return err == nil }, 30*time.Second, 100*time.Millisecond)
}

func TestThePolicyDecides(t *testing.T) {
	var seen mirror.MountRequest
	w := newWorld(t)
	w.manager.AuthorizeWith(func(_ context.Context, request mirror.MountRequest) (mirror.Grant, error) {
		seen = request
		if !request.Secure {
			return mirror.Grant{}, errors.New("access denied: not over TLS")
		}
		return mirror.Grant{Write: request.Connect != ""}, nil
	})
	require.ErrorContains(t, w.client().mount(w.spec.ID, "rw"), "not over TLS")
	reader := w.client()
	require.NoError(t, reader.mount(w.spec.ID, "tls"))
	_, err := reader.sh("touch f")
	require.ErrorContains(t, err, "exit status")
	signed := w.client()
	require.NoError(t, signed.mount(w.spec.ID, "tls,iam"))
	claim, err := mirror.ReadClaim(seen.Connect)
	require.NoError(t, err)
	require.Equal(t, "AKIATEST", claim.AccessKeyID)
	ctx, now := context.Background(), time.Now()
	require.NoError(t, mirror.Verify(ctx, seen.Connect, "s3cret", "us-east-1", claim, w.spec.ID, "", now))
	require.ErrorContains(t, mirror.Verify(ctx, seen.Connect, "other", "us-east-1", claim, w.spec.ID, "", now), "wrong")
	require.ErrorContains(t, mirror.Verify(ctx, seen.Connect, "s3cret", "us-east-1", claim, "fs-other", "", now), "wrong")
	require.ErrorContains(t, mirror.Verify(ctx, seen.Connect, "s3cret", "us-east-1", claim, w.spec.ID, "", now.Add(time.Hour)), "expired")
	_, err = signed.sh("touch f")
	require.Error(t, err, "without root access root is nobody")
}

// whole waits until every copy is.
func (w *world) whole() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		for _, state := range w.devices() {
			if state != mirror.DeviceHealthy {
				w.apply() // the reconciler would
				return false
			}
		}
		return true
	}, 120*time.Second, 100*time.Millisecond, "%+v", w.manager.Observe())
}

func TestZonesAreLostOneAfterTheOtherWhileFilesAreWritten(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	require.NoError(t, c.mount(w.spec.ID, "tls"))
	stop, done := make(chan struct{}), make(chan int)
	go func() { // what closed without an error was acknowledged
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			if _, err := c.sh(fmt.Sprintf("head -c 200000 /dev/urandom > w%[1]d && sha256sum w%[1]d > s%[1]d", n)); err != nil {
				done <- -1
				return
			}
		}
	}()
	for _, zone := range []string{"b", "a", "c"} {
		w.spec.Lost = []string{zone}
		w.apply()
		time.Sleep(300 * time.Millisecond)
		w.spec.Lost = nil
		w.apply()
		w.whole()
	}
	close(stop)
	written := <-done
	require.Greater(t, written, 2, "a write failed, or nothing was written")
	require.NoError(t, w.manager.Scrub(context.Background(), w.spec.ID))
	c.must("sync; echo 3 > /proc/sys/vm/drop_caches; cat s* | sha256sum -c --quiet -")
	traffic := w.manager.Observe()[0].Targets[0].Traffic
	require.GreaterOrEqual(t, traffic.WriteBytes, int64(written)*200000)
	require.Positive(t, traffic.ReadBytes)
}

func TestADiskThatIsLostWhileItIsFilledIsHealedLater(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	require.NoError(t, c.mount(w.spec.ID, "tls"))
	c.must("head -c 120000000 /dev/urandom > f && sha256sum f > sum && sync f sum")
	w.spec.Lost = []string{"b"}
	w.apply()
	w.spec.Lost = nil
	w.apply()
	w.spec.Lost = []string{"b"} // while it is filled, or just after
	w.apply()
	require.Eventually(t, func() bool { w.apply(); return w.devices()["b"] == mirror.DeviceLost }, 60*time.Second, 50*time.Millisecond, "%+v", w.manager.Observe())
	c.must("echo 3 > /proc/sys/vm/drop_caches; sha256sum -c --quiet sum; echo more > more")
	w.spec.Lost = nil
	w.apply()
	w.whole()
	require.NoError(t, w.manager.Scrub(context.Background(), w.spec.ID))
	c.must("echo 3 > /proc/sys/vm/drop_caches; sha256sum -c --quiet sum && cat more")
}

func TestAFullFileSystemSaysSoAndGoesOn(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	require.NoError(t, c.mount(w.spec.ID, "tls"))
	c.must("echo kept > kept")
	out, err := c.sh("dd if=/dev/zero of=big bs=1M count=2000 conv=fsync 2>&1")
	require.Error(t, err)
	require.Contains(t, out, "No space left on device")
	require.Equal(t, "kept", c.must("cat kept"))
	c.must("rm big && sync")
	require.Eventually(t, func() bool { _, err := c.sh("echo again > again"); return err == nil }, 30*time.Second, 200*time.Millisecond)
	require.NoError(t, w.manager.Scrub(context.Background(), w.spec.ID))
}
