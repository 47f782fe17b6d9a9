using StreamDiff.Models.Weights;

namespace StreamDiff.Models.Tests.Weights;

public sealed class TorchPickleRefusalTests
{
    [Fact]
    public void Open_MaliciousPickle_IsRefusedAndRunsNothing()
    {
        const string Proof = "/tmp/pickle_ran";
        File.Delete(Proof);

        var error = Assert.Throws<ModelException>(() => CheckpointFile.Open(Golden.Path("checkpoints", "malicious.pt")));

        Assert.Contains("'posix.system'", error.Message);
        Assert.Contains("nothing was executed", error.Message);
        Assert.False(File.Exists(Proof));
    }

    [Fact]
    public void Open_MaliciousStackGlobal_IsRefused() =>
        AssertRefused(PickleText.Dict("x", p => p.Text("os").Text("system").Op(0x93).Op('(').Text("true").Op('t').Op('R')), "'os.system'");

    [Theory]
    [InlineData('i')] // INST: names a class and makes one.
    [InlineData('o')] // OBJ
    [InlineData(0x92)] // NEWOBJ_EX
    [InlineData(0x82)] // EXT1
    [InlineData('P')] // Persistent id as a line.
    public void Open_OpcodeThatDataDoesNotNeed_IsRefused(int op) =>
        AssertRefused(PickleText.Dict("x", p => p.Op((byte)op)), $"opcode 0x{op:x2}");

    [Theory]
    [InlineData(0, new long[] { 7 }, new long[] { 1 }, "outside its storage")]
    [InlineData(1, new long[] { 6 }, new long[] { 1 }, "outside its storage")]
    [InlineData(0, new long[] { 2, 3 }, new long[] { 4, 1 }, "outside its storage")]
    [InlineData(7, new long[] { 0 }, new long[] { 1 }, "outside its storage")]
    [InlineData(-1, new long[] { 1 }, new long[] { 1 }, "outside its storage")]
    [InlineData(5, new long[] { 2 }, new long[] { -1 }, "impossible shape")]
    [InlineData(0, new long[] { -1 }, new long[] { 1 }, "impossible shape")]
    [InlineData(0, new long[] { 2 }, new long[] { 1, 1 }, "impossible shape")]
    [InlineData(0, new long[] { 1L << 32, 1L << 32 }, new long[] { 0, 0 }, "impossible shape")]
    [InlineData(0, new long[] { 0, long.MaxValue, long.MaxValue }, new long[] { 0, 0, 0 }, "impossible shape")]
    [InlineData(0, new long[] { 3 }, new[] { long.MaxValue }, "impossible shape")]
    [InlineData(long.MaxValue, new long[] { 1 }, new long[] { 1 }, "outside its storage")]
    public void Open_ViewOutsideItsStorage_IsRefused(long offset, long[] shape, long[] strides, string reason) =>
        AssertRefused(PickleText.Dict("x", p => p.Tensor("FloatStorage", "0", 6, offset, shape, strides)), reason, new byte[24]);

    [Fact]
    public void Open_StorageShorterThanItClaims_IsRefused() =>
        AssertRefused(PickleText.Dict("x", p => p.Tensor("FloatStorage", "0", 7, 0, [7], [1])), "should have 7 elements", new byte[24]);

    [Fact]
    public void Open_StorageMissing_IsRefused() =>
        AssertRefused(PickleText.Dict("x", p => p.Tensor("FloatStorage", "5", 6, 0, [6], [1])), "storage 5 are missing", new byte[24]);

    [Fact]
    public void Open_MemoFarAhead_IsRefusedWithoutMemory() =>
        AssertRefused(PickleText.Dict("x", p => p.Op('N').Op((byte)'r', 255, 255, 255, 255)), "remembers number");

    [Fact]
    public void Open_TextLongerThanThePickle_IsRefusedWithoutMemory() =>
        AssertRefused(PickleText.Dict("x", p => p.Op(0x8d, 255, 255, 255, 255, 255, 255, 255, 127)), "ends too early");

    [Fact]
    public void Open_DeepNesting_IsRefused() =>
        AssertRefused([.. Enumerable.Repeat((byte)'(', 100_000)], "nested deeper");

    [Fact]
    public void Open_ValuesBelowAMark_AreOutOfReach() =>
        AssertRefused([0x80, 2, (byte)'}', (byte)'(', (byte)'.'], "more values than it has made");

    [Fact]
    public void Open_NoStateDict_SaysSo() =>
        AssertRefused(new PickleText().Int(5).Op('.').Bytes, "holds no state dict");

    [Fact]
    public void Open_NoTensors_SaysWhatIsThere() =>
        AssertRefused(PickleText.Dict("epoch\n", p => p.Int(5)), "it has: epoch?");

    [Fact]
    public void Open_CompressedEntry_IsRefused() =>
        AssertArchiveRefused(a => a.Add("x/data.pkl", [1, 2, 3], method: 8), "data.pkl is compressed");

    [Fact]
    public void Open_EntryTwice_IsRefused() =>
        AssertArchiveRefused(a => AddBoth(a, "x/data.pkl", "x/data.pkl"), "in the archive twice");

    [Fact]
    public void Open_TwoPickles_IsRefused() =>
        AssertArchiveRefused(a => AddBoth(a, "x/data.pkl", "y/data.pkl"), "more than one data.pkl");

    [Fact]
    public void Open_NoPickle_IsRefused() =>
        AssertArchiveRefused(a => a.Add("x/other", [1]), "no data.pkl");

    [Fact]
    public void Open_TorchScript_SaysWhatToSaveInstead() =>
        AssertArchiveRefused(a => AddBoth(a, "x/data.pkl", "x/constants.pkl"), "TorchScript");

    [Fact]
    public void Open_BigEndian_IsRefused() =>
        AssertArchiveRefused(a => { a.Add("x/data.pkl", [1]); a.Add("x/byteorder", "big"u8); }, "big-endian");

    private static void AddBoth(TorchArchive archive, string first, string second)
    {
        archive.Add(first, [0x80, 2, (byte)'}', (byte)'.']);
        archive.Add(second, [0x80, 2, (byte)'}', (byte)'.']);
    }

    private static void AssertRefused(byte[] pickle, string reason, params byte[][] storages)
    {
        using var folder = new TempFolder();
        AssertOneLine(TorchArchive.Write(folder.File("x.pt"), pickle, storages), reason);
    }

    private static void AssertArchiveRefused(Action<TorchArchive> content, string reason)
    {
        using var folder = new TempFolder();
        using (var archive = new TorchArchive(folder.File("x.pt")))
            content(archive);
        AssertOneLine(folder.File("x.pt"), reason);
    }

    private static void AssertOneLine(string path, string reason)
    {
        var error = Assert.Throws<ModelException>(() => TorchPickleFile.Open(path));
        Assert.Contains(reason, error.Message);
        Assert.Contains(path, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
