using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

public sealed class CheckpointFileTests
{
    [Theory]
    [InlineData("model.pt", typeof(TorchPickleFile))]
    [InlineData("taew2_1.pth", typeof(TorchPickleFile))]
    [InlineData("diffusion_pytorch_model.safetensors", typeof(SafetensorsFile))]
    public void Open_UnderAnyName_PicksTheReaderByContent(string name, Type reader)
    {
        using var folder = new TempFolder();
        foreach (var ending in (string[])["", ".bin", ".pt", ".safetensors"])
        {
            var copy = folder.File("copy" + ending);
            File.Copy(Golden.Path("checkpoints", name), copy);
            using var file = CheckpointFile.Open(copy);
            Assert.IsType(reader, file);
        }
    }

    [Theory]
    [InlineData("truncated.pt", "cut short: it has 405920 bytes")]
    [InlineData("truncated.safetensors", "cut short: it should have 798664 bytes and has 793664")]
    [InlineData("huge_header.safetensors", "header of 4611686018427387904 bytes")]
    [InlineData("expected.json", "is not a checkpoint")]
    [InlineData("no_such_file.pt", "does not exist")]
    [InlineData("no_such_folder/x.pt", "does not exist")]
    public void Open_UnusableFile_SaysWhatIsWrong(string name, string reason)
    {
        var path = Golden.Path("checkpoints", name);

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<ModelException>(() => CheckpointFile.Open(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 4 << 20);
        AssertMessage(error, path, reason);
    }

    [Theory]
    [InlineData("empty.pt", new byte[0], "is empty (0 bytes)")]
    [InlineData("short.safetensors", new byte[] { 1, 2, 3 }, "3 bytes are less than")]
    [InlineData("text.pt", new byte[] { 60, 104, 116, 109, 108, 62 }, "is not a torch checkpoint")]
    [InlineData("text.bin", new byte[] { 60, 104, 116, 109, 108, 62 }, "is not a checkpoint")]
    [InlineData("legacy.pth", new byte[] { 0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.' },
        "save it again with torch >= 1.6")]
    [InlineData("bare.pkl", new byte[] { 0x80, 4, 0x95, 0 }, "bare pickle")]
    public void Open_OtherContent_SaysWhatIsWrong(string name, byte[] content, string reason)
    {
        using var folder = new TempFolder();
        var path = folder.Write(name, content);

        AssertMessage(Assert.Throws<ModelException>(() => CheckpointFile.Open(path)), path, reason);
    }

    [Fact]
    public void Open_EveryTruncationOfAPickle_IsRefused()
    {
        using var folder = new TempFolder();
        var whole = File.ReadAllBytes(Golden.Path("checkpoints", "odd_tensors.pt"));
        for (var length = 0; length < whole.Length; length++)
        {
            var path = folder.Write("cut.pt", whole.AsSpan(0, length));
            Assert.Throws<ModelException>(() => CheckpointFile.Open(path));
        }
    }

    [Fact]
    public void Open_Folder_TakesItsCheckpoint()
    {
        using var folder = new TempFolder();
        AssertMessage(Assert.Throws<ModelException>(() => CheckpointFile.Open(folder.Path)), folder.Path, "without a checkpoint");

        File.Copy(Golden.Path("checkpoints", "taew2_1.pth"), folder.File("a.pth"));
        using (var file = CheckpointFile.Open(folder.Path))
            Assert.EndsWith("a.pth", file.Path);

        File.Copy(Golden.Path("checkpoints", "taew2_1.pth"), folder.File("b.pth"));
        AssertMessage(Assert.Throws<ModelException>(() => CheckpointFile.Open(folder.Path)), folder.Path,
            "several checkpoints: give one of a.pth, b.pth");
    }

    [Fact]
    public void Read_SameTypeOnTheCpu_IsTheFilesOwnMemory()
    {
        using var file = CheckpointFile.Open(Golden.Path("checkpoints", "model.pt"));
        const string Name = "model.patch_embedding.bias";
        using var first = file.Read(Name, [64], CPU, ScalarType.Float32);
        using var second = file.Read(Name, [64], CPU, ScalarType.Float32);
        using var converted = file.Read(Name, [64], CPU, ScalarType.BFloat16);
        using var expected = first.to(ScalarType.BFloat16);

        Assert.Equal(TensorMemory.Address(first), TensorMemory.Address(second));
        Assert.True(converted.equal(expected).all().item<bool>());
    }

    [Fact]
    public void Read_WrongNameOrShape_IsRefused()
    {
        using var file = CheckpointFile.Open(Golden.Path("checkpoints", "model.pt"));

        Assert.Contains("no tensor 'x'", Assert.Throws<ModelException>(() => file.View("x")).Message);
        Assert.Contains("is [64] instead of [8, 8]",
            Assert.Throws<ModelException>(() => file.Read("model.patch_embedding.bias", [8, 8], CPU, ScalarType.Float32)).Message);
    }

    [Fact]
    public void View_AfterDispose_Throws()
    {
        var file = CheckpointFile.Open(Golden.Path("checkpoints", "model.pt"));
        file.Dispose();
        file.Dispose();

        Assert.Throws<ObjectDisposedException>(() => file.View("model.patch_embedding.bias"));
        Assert.Throws<ObjectDisposedException>(file.Hold);
    }

    private static void AssertMessage(ModelException error, string path, string reason)
    {
        Assert.Contains(reason, error.Message);
        Assert.StartsWith(path, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
