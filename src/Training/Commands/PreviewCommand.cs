using System.CommandLine;
using StreamDiff.Models.Native;
using StreamDiff.Training.Data;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

/// <summary><c>preview</c>: what the training sees, as pictures.</summary>
internal sealed class PreviewCommand : Command
{
    private readonly Option<string> _folder = new("--folder") { Description = "Where the pictures go.", DefaultValueFactory = _ => "out/preview" };
    private readonly Option<int> _seed = new("--seed") { Description = "Of the first clip.", DefaultValueFactory = _ => 1 };

    public PreviewCommand()
        : base("preview", "Draw clips that the training would see, and the styles' targets, as PNG.")
    {
        Add(_folder);
        Add(_seed);
        SetAction(parse => Run(parse.GetValue(_folder)!, parse.GetValue(_seed)));
    }

    private static int Run(string folder, int seed)
    {
        LibTorch.Load();
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        const int frames = 13;
        var clips = Enumerable.Range(seed, 24).Select(s => tensor(SyntheticClip.Render(s, frames, 320, 192), [frames, 3, 192, 320]).to_type(ScalarType.Float32).div(255f)).ToArray();
        PictureSheet.Write(Path.Combine(folder, "clips.png"), clips.Chunk(4).Select(row => row.SelectMany(c => new[] { c[0], c[frames - 1] }).ToArray()).ToArray());
        PictureSheet.Write(Path.Combine(folder, "styles.png"),
            clips.Take(3).Select(c => (Tensor[])[c[0], .. StyleBank.All.Select(s => s.Target(c.narrow(0, 0, 1))[0])]).ToArray());
        Console.WriteLine($"{folder}/clips.png, {folder}/styles.png");
        return 0;
    }
}
