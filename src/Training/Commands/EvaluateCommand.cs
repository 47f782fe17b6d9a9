using System.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Weights;
using StreamDiff.Models.Registry;
using StreamDiff.Training.Data;
using StreamDiff.Training.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

internal sealed class EvaluateCommand : Command
{
    private readonly Argument<string> _vae = new("VAE");
    private readonly Argument<string[]> _clips = new("CLIPS");

    public EvaluateCommand() : base("vaecheck", "x")
    {
        Add(_vae); Add(_clips);
        SetAction(p => Run(p.GetValue(_vae)!, p.GetValue(_clips)!));
    }

    private static int Run(string file, string[] clips)
    {
        LibTorch.Load();
        using var quiet = inference_mode();
        var model = new ModelCatalog().Find("tiny");
        using var weights = CheckpointFile.Open(file, StateDictRule.AsStored);
        using var vae = Taehv.Load(ModelBundle.TaehvConfig(model.Config), weights, CPU, ScalarType.Float32);
        var rows = new List<Tensor[]>();
        foreach (var (name, clip) in clips.Select(c => (c, ClipReader.Read(c, 33, 320, 192))).Concat(Enumerable.Range(0, 10).Select(i => ($"synthetic {i}", tensor(SyntheticClip.Render(1_900_000_000 + i, 33, 320, 192), [33, 3, 192, 320]).to_type(ScalarType.Float32).div(255f)))))
        {
            var back = VaeCheck.RoundTrip(vae, clip);
            Console.WriteLine($"{name}: {Measures.Psnr(clip.narrow(0, 0, back.size(0)), back):F2} dB");
            rows.Add([clip[20], back[20], clip[28], back[28]]);
        }
        PictureSheet.Write("/tmp/vae.png", rows.Take(12).ToArray());
        return 0;
    }
}
