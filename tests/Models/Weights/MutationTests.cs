using StreamDiff.Models.Weights;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

/// <summary>Damaged files end in an error for the user or in tensors that are really there, and in nothing else.</summary>
public sealed class MutationTests(ITestOutputHelper output)
{
    private const int Mutations = 3000;
    private const long MostBytes = 4 << 20;
    private static readonly byte[] Telling = [0, 1, 0x7f, 0x80, 0xff, .. "(.0qrhjKMJtus}])RcQbae\x81\x85\x86\x87\x8a\x8b\x93\x94"u8];

    [Theory]
    [InlineData("model.pt", 12_000, 10_000)]
    [InlineData("odd_tensors.pt", 900, 800)]
    [InlineData("diffusion_pytorch_model.safetensors", 12_000, 0)]
    public void Open_MutatedFile_IsRefusedOrRead(string name, int head, int tail)
    {
        using var folder = new TempFolder();
        var content = File.ReadAllBytes(Golden.Path("checkpoints", name));
        // Large tensors tell nothing and cost time: the tables of contents are at both ends.
        var path = folder.Write(name, content);
        var random = new Random(20240601);
        int refused = 0, read = 0;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        for (var i = 0; i < Mutations; i++)
        {
            var mutant = Mutate(content, random, head, tail);
            Patch(stream, mutant);
            if (Survives(path, i))
                read++;
            else
                refused++;
            Patch(stream, [.. mutant.Select(m => (m.At, content[m.At]))]);
        }
        output.WriteLine($"{name}: {refused} refused, {read} read");
        Assert.InRange(refused, Mutations / 10, Mutations);
    }

    private static bool Survives(string path, int mutation)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using var file = CheckpointFile.Open(path, mutation % 2 == 0 ? StateDictRule.AsStored : StateDictRule.Transformer);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
            foreach (var name in file.Names)
                Touch(file, name);
            return true;
        }
        catch (ModelException e)
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
            Assert.DoesNotContain('\n', e.Message);
            return false;
        }
    }

    // Reads the outermost elements; a view that reached outside the file would end the process.
    private static void Touch(CheckpointFile file, string name)
    {
        using var scope = NewDisposeScope();
        var view = file.View(name);
        if (view.numel() == 0)
            return;
        var first = view;
        var last = view;
        foreach (var dimension in view.shape)
        {
            first = first.select(0, 0);
            last = last.select(0, dimension - 1);
        }
        Assert.Equal(1, first.to(ScalarType.Float64).add(last.to(ScalarType.Float64), Scalars.One).numel());
    }

    private static List<(int At, byte Value)> Mutate(byte[] content, Random random, int head, int tail)
    {
        var mutant = new List<(int, byte)>();
        for (var n = random.Next(1, 6); n > 0; n--)
        {
            var at = random.Next(head + tail);
            at = at < head ? at : content.Length - tail + (at - head);
            var value = random.Next(4) switch
            {
                0 => (byte)(content[at] ^ (1 << random.Next(8))),
                1 => (byte)random.Next(256),
                2 => content[random.Next(head)],
                _ => Telling[random.Next(Telling.Length)],
            };
            mutant.Add((at, value));
        }
        return mutant;
    }

    private static void Patch(FileStream stream, List<(int At, byte Value)> bytes)
    {
        foreach (var (at, value) in bytes)
        {
            stream.Position = at;
            stream.WriteByte(value);
        }
        stream.Flush();
    }
}
